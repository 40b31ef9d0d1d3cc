"""The end of a run: the encoder folder."""

from vivi.core.config import fingerprint
from vivi.core.rundir import RunFolder
from vivi.data.store import ShotStore
from vivi.experiment import Experiment
from vivi.nn.export import save_encoder
from vivi.training.state import TrainState


def export(run: RunFolder, *, state: TrainState, experiment: Experiment, store: ShotStore) -> None:
    """Write RUN/encoder: the frame encoder f alone, ready for vivi and timm."""
    details = {
        "experiment": fingerprint(experiment),
        "steps": state.step,
        "frames a step": experiment.frames_per_step,
        "videos": store.info.num_videos,
        "shots": store.info.num_shots,
        "stored frames": store.info.num_frames,
    }
    card = (
        f"The frame encoder of {experiment.name}, pretrained without labels on {store.info.num_videos} videos "
        f"for {state.step} steps of {experiment.samples_per_step} samples x {experiment.sampling.shots} shots "
        f"x {experiment.sampling.frames} frames."
    )
    save_encoder(
        run.encoder,
        state.model.encoder,
        encoder=experiment.encoder,
        image_size=experiment.augmentation.crop.size,
        name=experiment.name,
        card=card,
        details=details,
    )
