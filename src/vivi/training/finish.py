"""The end of a run: the encoder folder, with the classifier where labelled images were learned."""

from vivi.core.config import fingerprint
from vivi.core.rundir import RunFolder
from vivi.experiment import Experiment
from vivi.model import VIVI
from vivi.nn.classifier import Classifier
from vivi.nn.export import save_encoder
from vivi.objectives.supervised import SupervisedObjective
from vivi.training.inputs import Inputs
from vivi.training.state import TrainState


def export(run: RunFolder, *, state: TrainState, experiment: Experiment, inputs: Inputs) -> None:
    """Write RUN/encoder: the frame encoder f, ready for vivi and timm, and the classifier where there is one."""
    facts = inputs.facts()
    details = {
        "experiment": fingerprint(experiment),
        "steps": state.step,
        "pictures a step": experiment.pictures_per_step,
        **facts,
    }
    save_encoder(
        run.encoder,
        state.model.encoder,
        encoder=experiment.encoder,
        image_size=experiment.image_size,
        name=experiment.name,
        card=_card(experiment, facts=", ".join(f"{number} {what}" for what, number in facts.items()), steps=state.step),
        details=details,
        classifier=_classifier(state.model, inputs=inputs),
    )


def _card(experiment: Experiment, *, facts: str, steps: int) -> str:
    labels = "with" if experiment.image_levels else "without"
    sampling = experiment.sampling
    batch = []
    if experiment.uses_videos:
        batch.append(f"{experiment.samples_per_step} samples x {sampling.shots} shots x {sampling.frames} frames")
    if experiment.labelled is not None:
        batch.append(f"{experiment.images_per_step} labelled images")
    return (
        f"The frame encoder of {experiment.name}, pretrained {labels} labels on {facts}, "
        f"for {steps} steps of {' and '.join(batch)}."
    )


def _classifier(model: VIVI, *, inputs: Inputs) -> Classifier | None:
    """The linear layer of the first supervised objective, under the names of the folder's classes."""
    heads = [each.classifier for each in model.image_objectives if isinstance(each, SupervisedObjective)]
    if not heads or inputs.labelled is None:
        return None
    weight, bias = heads[0].weight.detach().cpu(), heads[0].bias.detach().cpu()
    return Classifier(weight_CD=weight, bias_C=bias, classes=inputs.labelled.classes)
