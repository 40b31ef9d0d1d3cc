"""Whose every value is: the table behind `vivi presets NAME --explain` and docs/defaults.md.

paper: its main text. ancestor: the code it builds on; RSS is google/revisiting-self-supervised (the paper's ref 33),
S4L is google-research/s4l (ref 68). inferred: it follows from these. ours: none of them says; BiT, which some of it
follows, is google-research/big_transfer. unused: it has no effect in such a preset. The first row that fits counts, so
exceptions stand above the rule.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from vivi.presets.cases import (
    BASELINE,
    CO,
    CO_SHARE,
    GROUP_NORM,
    LABELS_ALONE,
    MEAN_OVER_ROWS,
    NO_VIDEO_LEVEL,
    PATCHES,
    ROTATED_BASELINE,
    ROTATION,
    SEMI,
    SLIM,
    SUP_ROT,
    SUP_SHARE,
    TENTH,
    Case,
    Place,
)

Whose = Literal["paper", "ancestor", "inferred", "ours", "unused", "yours"]
ANYTHING = "*"
ABBREVIATIONS = "RSS: google/revisiting-self-supervised, S4L: google-research/s4l, BiT: google-research/big_transfer"


@dataclass(frozen=True, slots=True)
class Origin:
    """One row."""

    whose: Whose
    key: str
    """"Class.field"; "Class" for the choice of a class; "*" for everything."""
    note: str
    at: tuple[str, ...] = ()
    """Paths of which one leads to the value; none: anywhere."""
    when: Case | None = None

    def fits(self, keys: tuple[str, ...], place: Place) -> bool:
        """Whether it speaks of the value that has one of these keys and stands at `place`."""
        there = not self.at or any(f"{place.path}.".startswith(f"{path}.") for path in self.at)
        return there and self.key in (*keys, ANYTHING) and (self.when is None or self.when.holds(place))


paper, ancestor, inferred = partial(Origin, "paper"), partial(Origin, "ancestor"), partial(Origin, "inferred")
ours, unused = partial(Origin, "ours"), partial(Origin, "unused")

FRAMES, VIDEOS, IMAGES = ("frame_levels",), ("video_levels",), ("image_levels",)
LABELLED, STREAM = ("labelled",), ("augmentation",)
OF_VIDEOS = ("samples_per_step", "sampling", "augmentation", "pooling", "norm_group")

SAMPLES = (
    unused(ANYTHING, "nothing is learned from videos", at=OF_VIDEOS, when=LABELS_ALONE),
    ours("Experiment.name", "a label; the paper's name where it prints one"),
    ours("Experiment.seed", "decides every random number"),
    ours("Experiment.samples_per_step", "section 4: depends on the number of labels; not how", when=CO),
    ancestor("Experiment.samples_per_step", "512 images without labels: S4L config/s4l_exemplar.sh", when=SEMI),
    inferred("Experiment.samples_per_step", "N K = 2048 as in the paper's models", when=PATCHES),
    paper("Experiment.samples_per_step", "section 4: N K = 2048"),
    paper("ConsecutiveShots", "section 4: consecutive shots of a video, videos with fewer are dropped"),
    ours("ConsecutiveShots.shots", "as VIVI-Ex(4); the paper trains no such model", when=PATCHES),
    paper("ConsecutiveShots.shots", "section 4: 2 or 4"),
    ours("ConsecutiveShots.frames", "as for rotation; the paper trains no such model", when=PATCHES),
    paper("ConsecutiveShots.frames", "section 4: 8 for exemplars, 4 for rotation"),
    inferred("SingleShots", "section 4: shots independently; so each shot of at least L frames is a sample"),
    paper("SingleShots.frames", "section 4: 8 for exemplars"),
    paper("RepeatedFrame", "section 4: one random frame of each video"),
    ancestor("RepeatedFrame.frames", "each frame once, its turns are the loss's: RSS rotation.py", when=ROTATION),
    ancestor("RepeatedFrame.frames", "8 augmented copies: RSS config/exemplar/imagenet.sh"),
    paper("SingleImages", "section 4: baselines on ImageNet"),
    ancestor("SingleImages.frames", "8 augmented copies: S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("SingleImages.frames", "each image once, its turns are the loss's: RSS rotation.py", when=ROTATION),
    ancestor("SingleImages.frames", "8 augmented copies: RSS config/exemplar/imagenet.sh"),
    unused("MeanPooling", "no video level takes shot embeddings", when=NO_VIDEO_LEVEL),
    paper("MeanPooling", "section 4: average without parameters"),
    ours("AttentionPooling", "section 3.1 names attention as a possibility; the form is ours"),
    ours("AttentionPooling.hidden", "size of the query"),
)

FRAME_LOSSES = (
    paper("Experiment.frame_levels", "learns from labels alone"),
    ancestor("Level.weight", "1 on the mean over both streams: S4L config/s4l_exemplar.sh", at=FRAMES, when=SEMI),
    paper("Level.weight", "section 3.1: L_S + lambda L_V, L_S counts once", at=FRAMES),
    unused("Level.group", "a mean over rows is the same in any groups", when=MEAN_OVER_ROWS),
    ours("Level.group", "shots whose triplets are mined; of 8 frames: RSS's batch of one core on 128", at=FRAMES),
    ours("Level.group", "as for the frames", at=IMAGES),
    paper("Exemplar", "section 3.2: triplet loss on frames of a shot"),
    ancestor("Exemplar.dim", "RSS config/exemplar/imagenet.sh, S4L", when=BASELINE),
    inferred("Exemplar.dim", "1000 in RSS and S4L"),
    ancestor("Exemplar.margin", "semi-hard triplets, 0.5: RSS config/exemplar/imagenet.sh", when=BASELINE),
    inferred("Exemplar.margin", "the paper names the triplet loss and RSS, which takes semi-hard ones and 0.5"),
    ours("Exemplar.embed_norm", "each embedding, as S4L; RSS normalises over the batch, which looks like a slip"),
    ours("Exemplar.anchors", "memory alone, not the result"),
    ancestor("BatchHardExemplar", "hardest triplets, soft margin: S4L semi_supervised/exemplar.py"),
    ancestor("BatchHardExemplar.dim", "S4L config/s4l_exemplar.sh"),
    paper("Rotation", "section 3.2"),
    ancestor("Rotation.turns", "each image at all four: RSS rotation.py", when=ROTATED_BASELINE),
    inferred("Rotation.turns", "all four, as RSS", when=SUP_ROT),
    ours("Rotation.turns", "all four, as RSS for images; the paper does not say for frames"),
    inferred("Rotation.pool", "every turn is classified: S4L semi_supervised/rotation.py", at=IMAGES, when=SUP_ROT),
    unused("Rotation.pool", "no video level takes shot embeddings", when=NO_VIDEO_LEVEL),
    ours("Rotation.pool", "which copies a shot embedding sees is not said"),
    ours("Jigsaw", "section 3.2 names it as a possibility; the paper trains no such model"),
    ancestor("Jigsaw.grid", "RSS config/jigsaw/imagenet.sh"),
    ancestor("Jigsaw.permutations", "their number: RSS patch_utils.py; which ones: ours"),
    ours("RelativePatch", "section 5.1 compares with it; the paper trains no such model"),
    ancestor("PatchTask.patch", "RSS config/jigsaw/imagenet.sh"),
    ancestor("PatchTask.projection", "RSS config/jigsaw/imagenet.sh"),
    ancestor("PatchTask.hidden", "RSS patch_utils.py, there with batch norm and dropout"),
    ancestor("PatchTask.standardise", "RSS config/jigsaw/imagenet.sh"),
)

VIDEO_LOSSES = (
    paper("Experiment.video_levels", "no loss across shots in this model"),
    ours("Level.weight", "lambda; the paper tries at most four values and does not print them: vivi sweep", at=VIDEOS),
    ours("Level.group", "negatives from the whole batch; the paper does not say", at=VIDEOS),
    paper("InfoNCE", "equation 2; negatives are all shots of other videos, footnote 3"),
    ours("InfoNCE.projection", "the main text names none"),
    ours("InfoNCE.symmetric", "section 4 says one of two shots from the other, not both ways"),
    inferred("InfoNCE.normalise", "section 4 prints a plain dot product, for 2 shots"),
    paper("InfoNCE.temperature", "equation 2 has none"),
    paper("MLPPredictor", "section 4, 2 shots"),
    paper("MLPPredictor.hidden", "section 4"),
    ours("MLPPredictor.output", "not said"),
    paper("LSTMPredictor", "section 4, 4 shots"),
    paper("LSTMPredictor.hidden", "section 4"),
    ours("LSTMPredictor.layers", "not said"),
    inferred("Predictor.ahead", "section 4 predicts the other shot, or every shot from those before it"),
    paper("ShotOrder", "section 3.3; with rotation: section 5.1"),
    inferred("ShotOrder.hidden", "512 as for exemplars, section 4", when=ROTATION),
    paper("ShotOrder.hidden", "section 4"),
    ours("ShotOrder.projection", "the main text names none"),
)

LABELS = (
    paper("Experiment.image_levels", "no labels in this model"),
    paper("Experiment.labelled", "no labels in this model"),
    paper("Supervised", "section 3.1: linear classifier, cross-entropy"),
    paper("Supervised.classes", "section 4: ImageNet (ILSVRC-2012)"),
    ours("Level.weight", "gamma; the paper tries at most four values and does not print them: vivi sweep",
         at=IMAGES, when=CO),
    inferred("Level.weight", "both count once, as in S4L config/s4l_rotation.sh", at=IMAGES, when=SUP_ROT),
    ancestor("Level.weight", "labels 1, triplets 1 over both: S4L config/s4l_exemplar.sh", at=IMAGES, when=SEMI),
    inferred("Level.weight", "the only loss", at=IMAGES),
    ours("LabelledImages.images_per_step", "section 4: depends on the number of labels; not how", when=CO),
    ours("LabelledImages.images_per_step", "as Sup-100%", when=SUP_ROT),
    ancestor("LabelledImages.images_per_step", "S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("LabelledImages.images_per_step", "S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    ancestor("LabelledImages.images_per_step", "RSS config/supervised/imagenet.sh"),
    ancestor("LabelledImages.views", "8 copies of labelled images too: S4L config/s4l_exemplar.sh", when=SEMI),
    inferred("LabelledImages.views", "section 3.1: a mini-batch of images"),
    ancestor("LabelledImages.share", "S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    paper("LabelledImages.share", "sections 4 and 5.2; a share is class-balanced"),
    unused("LabelledImages.norm_group", "group norm has no batch statistics", when=GROUP_NORM),
    ours("LabelledImages.norm_group", "as for the images without labels", when=SEMI),
    ours("LabelledImages.norm_group", "a core's part where RSS and S4L run 256 images on 8 cores"),
)  # fmt: skip

ENCODERS = (
    ancestor("ResNetV2", "S4L configurations", when=TENTH),
    ancestor("ResNetV2.depth", "S4L configurations", when=TENTH),
    ancestor("ResNetV2.width", "S4L configurations", when=TENTH),
    inferred("ResNetV2", "as Sup-100%", when=SUP_ROT),
    inferred("ResNetV2.depth", "as Sup-100%", when=SUP_ROT),
    inferred("ResNetV2.width", "as Sup-100%", when=SUP_ROT),
    paper("ResNetV2", "section 4; details: RSS models/resnet.py"),
    paper("ResNetV2.depth", "section 4"),
    paper("ResNetV2.width", "section 4: 1, or 3 in -Big"),
    inferred("BatchNorm", "the published checkpoints have it", when=SLIM),
    ancestor("BatchNorm", "S4L models/resnet.py", when=TENTH),
    ancestor("BatchNorm", "RSS models/resnet.py", when=LABELS_ALONE),
    paper("BatchNorm", "section 4"),
    inferred("BatchNorm.momentum", "TF-Slim's 0.997, for the published checkpoints", when=SLIM),
    inferred("BatchNorm.eps", "TF-Slim's, for the published checkpoints", when=SLIM),
    ancestor("BatchNorm.momentum", "TensorFlow 1's 0.99: RSS passes no other"),
    ancestor("BatchNorm.eps", "TensorFlow 1's: RSS passes no other"),
    paper("GroupNormWS", "section 4, co-trained models"),
    ours("GroupNormWS.groups", "as BiT; the main text does not say"),
    ours("GroupNormWS.eps", "as BiT; the main text does not say"),
    ours("GroupNormWS.weight_eps", "as BiT; the main text does not say"),
    unused("Experiment.norm_group", "group norm has no batch statistics", when=GROUP_NORM),
    ours("Experiment.norm_group", "shots with statistics of their own; of 8 frames: RSS's batch of one core on 128"),
    paper("SlimResNetV2", "section 4: ResNet-101 up to block 3, of prior work"),
    paper("SlimResNetV2.depth", "section 4"),
    ours("SlimResNetV2.width", "of the published checkpoints; others for tests"),
    paper("VGG16", "section 4: of prior work"),
    ours("VGG16.width", "of the published checkpoint; others for tests"),
    ours("VGG16.fully_connected", "which layer is the representation is not said"),
    ours("TimmModel", "any other network"),
    ours("TimmModel.name", "any other network"),
    ours("TimmModel.args", "timm's own defaults"),
    ours("TimmModel.image_size", "timm's own default"),
)

AUGMENTATIONS = (
    ancestor("Augmentation.standardise", "not with rotation: RSS config/rotation/imagenet.sh", when=ROTATED_BASELINE),
    ancestor("Augmentation.standardise", "RSS config/exemplar/imagenet.sh", when=BASELINE),
    ancestor("Augmentation.standardise", "S4L configurations", when=TENTH),
    inferred("Augmentation.standardise", "not in S4L config/s4l_rotation.sh", when=SUP_ROT),
    ancestor("Augmentation.standardise", "RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    inferred("Augmentation.standardise", "the paper does not mention it"),
    ancestor("InceptionCrop.size", "RSS configurations", when=BASELINE),
    ancestor("InceptionCrop.size", "S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("InceptionCrop.size", "RSS and S4L configurations", when=LABELS_ALONE),
    inferred("InceptionCrop.size", "224 in RSS and S4L"),
    ancestor("InceptionCrop.min_area", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.max_area", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.min_aspect", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.max_aspect", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.min_covered", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.attempts", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("InceptionCrop.flip", "Inception preprocessing: S4L inception_preprocessing.py"),
    ancestor("Augmentation.colour", "none: S4L config/supervised_imagenet_10p.sh", at=LABELLED, when=SUP_SHARE),
    ours("InceptionColour", "as Sup-100%; S4L's rotation has no change of colour", at=LABELLED, when=SUP_ROT),
    ancestor("InceptionColour", "RSS config/supervised/imagenet.sh", at=LABELLED, when=LABELS_ALONE),
    ancestor("InceptionColour", "RSS configurations", when=BASELINE),
    inferred("InceptionColour", "section 4 takes ref 58's augmentation: Inception's, in its fast mode"),
    ancestor("InceptionColour.brightness", "its fast mode: S4L inception_preprocessing.py"),
    ancestor("InceptionColour.min_saturation", "its fast mode: S4L inception_preprocessing.py"),
    ancestor("InceptionColour.max_saturation", "its fast mode: S4L inception_preprocessing.py"),
    ancestor("GreyScale", "RSS config/exemplar/imagenet.sh, whose protocol these baselines follow (section 4)"),
    ancestor("GreyScale.probability", "RSS config/exemplar/imagenet.sh"),
    ancestor("HSVNoise", "S4L config/s4l_exemplar.sh, on both streams", when=SEMI),
    inferred("HSVNoise", "section 4, with a fraction of ImageNet; on these images, frames or both is not said",
             at=LABELLED, when=CO_SHARE),
    ours("HSVNoise", "section 4 has it with a fraction of ImageNet; whether on frames is not said",
         at=STREAM, when=CO_SHARE),
    ours("HSVNoise", "section 4 has it with a fraction of ImageNet; whether with all is not said"),
    ancestor("HSVNoise.hue", "S4L preprocess.py"),
    ancestor("HSVNoise.power", "S4L preprocess.py"),
    ancestor("HSVNoise.gain", "S4L preprocess.py"),
    ancestor("HSVNoise.shift", "S4L preprocess.py"),
    ours("AutoAugmentImageNet", "that AutoAugment is used: paper, section 4; which of its policies is not said"),
    ours("AutoAugmentV0", "the other policy that AutoAugment may mean"),
)  # fmt: skip

OPTIMISERS = (
    ours("SGD.learning_rate", "section 4: depends on the labels, not how; 0.1 for 256 images, at most 0.8", when=CO),
    ours("SGD.learning_rate", "as Sup-100%", when=SUP_ROT),
    ancestor("SGD.learning_rate", "not scaled with the batch: S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("SGD.learning_rate", "S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    ancestor("SGD.learning_rate", "RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    inferred("SGD.learning_rate", "RSS's 0.1 for 256, at 2048; the paper's 0.8", when=BASELINE),
    inferred("SGD.learning_rate", "as the paper's models", when=PATCHES),
    paper("SGD.learning_rate", "section 4"),
    ancestor("SGD.momentum", "S4L trainer.py", when=TENTH),
    ancestor("SGD.momentum", "RSS trainer.py", when=LABELS_ALONE),
    inferred("SGD.momentum", "as the unsupervised models", when=CO),
    paper("SGD.momentum", "section 4; not Nesterov: RSS trainer.py"),
    ours("SGD.weight_decay", "as BiT; S4L has 1e-3 for a tenth", when=CO),
    ours("SGD.weight_decay", "as Sup-100%", when=SUP_ROT),
    ancestor("SGD.weight_decay", "S4L configurations", when=TENTH),
    ancestor("SGD.weight_decay", "RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    ancestor("SGD.weight_decay", "RSS's protocol", when=BASELINE),
    ours("SGD.weight_decay", "as RSS; the main text does not say. On kernels and matrices alone"),
    paper("Schedule.steps", "section 4: co-trained models", when=CO),
    ours("Schedule.steps", "as Sup-100%", when=SUP_ROT),
    ancestor("Schedule.steps", "200 epochs of the tenth at 512: S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("Schedule.steps", "200 epochs of the tenth at 256: S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    ancestor("Schedule.steps", "90 epochs: RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    inferred("Schedule.steps", "as the paper's models", when=PATCHES),
    paper("Schedule.steps", "section 4"),
    ours("Schedule.warmup", "as BiT; the paper does not say", when=CO),
    ours("Schedule.warmup", "as Sup-100%", when=SUP_ROT),
    ancestor("Schedule.warmup", "10 epochs: S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("Schedule.warmup", "5 epochs: S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    ancestor("Schedule.warmup", "5 epochs: RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    inferred("Schedule.warmup", "RSS's 5 ImageNet epochs, at 2048", when=BASELINE),
    ours("Schedule.warmup", "RSS's 5 ImageNet epochs, at 2048; the main text does not say"),
    ours("Schedule.decays", "those of S4L's tenth; the paper: depends on the number of labels", when=CO),
    ours("Schedule.decays", "as Sup-100%", when=SUP_ROT),
    ancestor("Schedule.decays", "epochs 140, 160, 180: S4L config/s4l_exemplar.sh", when=SEMI),
    ancestor("Schedule.decays", "epochs 140, 160, 180: S4L config/supervised_imagenet_10p.sh", when=SUP_SHARE),
    ancestor("Schedule.decays", "epochs 30, 60, 80: RSS config/supervised/imagenet.sh", when=LABELS_ALONE),
    inferred("Schedule.decays", "section 4 stretches RSS's schedule to the steps of the other models", when=BASELINE),
    inferred("Schedule.decays", "as the paper's models", when=PATCHES),
    paper("Schedule.decays", "section 4"),
    ours("Schedule.factor", "as without labels; the paper: depends on the number of labels", when=CO),
    ours("Schedule.factor", "as Sup-100%", when=SUP_ROT),
    ancestor("Schedule.factor", "S4L main.py", when=TENTH),
    ancestor("Schedule.factor", "RSS trainer.py", when=LABELS_ALONE),
    inferred("Schedule.factor", "as the paper's models", when=PATCHES),
    paper("Schedule.factor", "section 4"),
)

ORIGINS: dict[str, tuple[Origin, ...]] = {
    "Samples and pooling": SAMPLES,
    "Frame and shot losses": FRAME_LOSSES,
    "Video losses": VIDEO_LOSSES,
    "Labelled images": LABELS,
    "Encoder and normalisation": ENCODERS,
    "Augmentation": AUGMENTATIONS,
    "Optimiser and schedule": OPTIMISERS,
}
