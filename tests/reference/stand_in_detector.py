"""A detector of one layer, for tests of everything around a detector; needs no torchvision."""

import torch
from torch import nn


class StandIn(nn.Module):
    """Learns the mean colour of the first box; draws from torch's global generator as torchvision's does."""

    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes + 1)

    def forward(self, images, targets=None):
        pooled_BD = torch.stack([image.mean(dim=(1, 2)) for image in images])
        if self.training:
            pooled_BD = pooled_BD + 0.1 * torch.rand(len(images), 3)
        scores_BC = self.layer(pooled_BD)
        if self.training:
            labels_B = torch.stack([target["labels"][0] for target in targets])
            sizes_B = torch.stack([target["boxes"][0, 2] / 100 for target in targets])
            return {
                "loss_classifier": nn.functional.cross_entropy(scores_BC, labels_B),
                "loss_box_reg": (scores_BC[:, 0] - sizes_B).square().mean(),
            }
        chosen_B = scores_BC[:, 1:].argmax(dim=1) + 1
        box = torch.tensor([[0.0, 0.0, 9.0, 9.0]])
        return [{"boxes": box, "labels": each[None], "scores": torch.ones(1)} for each in chosen_B]


def build_stand_in(encoder, *, recipe, classes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return StandIn(classes).train()
