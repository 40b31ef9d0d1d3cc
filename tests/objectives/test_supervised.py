"""Classification of labelled images against loops."""

import math

import pytest
import torch
from tests.reference.pretext import check_gradients, draw, slow_cross_entropy, slow_linear

from vivi.core.config import build
from vivi.core.errors import ConfigError
from vivi.objectives.supervised import Supervised


@pytest.mark.parametrize(("images", "views", "classes"), [(4, 1, 3), (3, 2, 7)])
def test_head_and_loss_equal_the_slow_loops(images, views, classes):
    torch.manual_seed(classes)
    objective = Supervised(classes=classes).build(6, shots=2)
    embeddings, labels = torch.randn(images, views, 6), torch.randint(classes, (images,))
    logits = [slow_linear(objective.classifier, x).tolist() for x in embeddings.flatten(0, 1).double().numpy()]
    repeated = [int(label) for label in labels for _ in range(views)]
    predictions = objective(embeddings)
    assert predictions.shape == (images, views, classes)
    loss = objective.criterion(predictions, targets=labels)
    assert loss.item() == pytest.approx(slow_cross_entropy(logits, repeated), rel=1e-5)
    check_gradients(objective, embeddings_SVD=embeddings, targets=labels)


def test_images_are_shown_as_they_are_and_their_labels_come_from_elsewhere():
    images = torch.rand(4, 1, 3, 5, 5)
    asked = Supervised().build(8, shots=2).pretext(images, draw=draw(4))
    assert asked.views is images
    assert asked.targets is None
    assert asked.pooled is None


def test_the_mean_of_groups_is_the_mean_of_all():
    objective = Supervised(classes=5).build(6, shots=2)
    embeddings, labels = torch.randn(8, 1, 6), torch.randint(5, (8,))
    whole = objective.criterion(objective(embeddings), targets=labels)
    halves = [objective.criterion(objective(embeddings[x]), targets=labels[x]) for x in (slice(4), slice(4, 8))]
    torch.testing.assert_close(torch.stack(halves).mean(), whole)


@pytest.mark.parametrize("classes", [2, 37, 1000])
def test_a_classifier_that_knows_nothing_is_at_chance(classes):
    objective = Supervised(classes=classes).build(6, shots=2)
    loss = objective.criterion(objective(torch.zeros(3, 1, 6)), targets=torch.arange(3) % classes)
    assert loss.item() == pytest.approx(math.log(classes)) == objective.chance(256, columns=1)


def test_only_a_linear_map_to_the_classes():
    shapes = {name: tuple(value.shape) for name, value in Supervised().build(2048, shots=2).named_parameters()}
    assert shapes == {"classifier.weight": (1000, 2048), "classifier.bias": (1000,)}


def test_one_class_is_refused():
    with pytest.raises(ConfigError, match="classes"):
        build(Supervised, {"classes": 1}, source="here")


def test_it_learns_the_labels_of_separable_embeddings():
    torch.manual_seed(0)
    objective = Supervised(classes=4).build(6, shots=2)
    centres, optimiser = torch.randn(4, 6), torch.optim.SGD(objective.parameters(), lr=1.0)
    for _ in range(40):
        labels = torch.randint(4, (32,))
        embeddings = (centres[labels] + 0.1 * torch.randn(32, 6))[:, None]
        loss = objective.criterion(objective(embeddings), targets=labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2 * math.log(4)
