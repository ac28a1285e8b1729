"""The loop of PyTorch tutorials: a data set of pictures, transforms, a DataLoader."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.nn import CrossEntropyLoss
from torch.utils.data import DataLoader, Dataset

from benchmarks.programs.torch import TorchProgram
from benchmarks.work import Work
from parity.datasets.torchvision_import import import_torchvision

__all__ = ["Program"]

transforms = import_torchvision().transforms


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Bytes in memory; each becomes a picture and then a tensor, as in torchvision's MNIST."""

    def __init__(self, work: Work) -> None:
        self.targets = work.labels
        self.transform = transforms.ToTensor()
        images, denominator = work.images, work.recipe.denominator
        pixels = np.rint(images * np.float32(denominator)).astype(np.uint8)
        if not np.array_equal(pixels / np.float32(denominator), images):
            pixels = images  # the digits' 17 shades do not fit bytes; ToTensor keeps floats
        elif denominator != 255:  # ToTensor divides by 255
            rescale = transforms.Lambda(lambda image: image * (255 / denominator))
            self.transform = transforms.Compose([self.transform, rescale])
        self.data = torch.from_numpy(pixels.reshape(-1, 28, 28))

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.data[index].numpy())
        return self.transform(picture), int(self.targets[index])


class Program(TorchProgram):
    """The DataLoader collects a batch image by image, in the training process (its default)."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.steps = self.train()

    def train(self) -> Iterator[None]:
        """Train one step at each `next`."""
        order = (indices.tolist() for indices in self.work.batches())
        loader = DataLoader(Pictures(self.work), batch_sampler=order)
        criterion = CrossEntropyLoss()
        for images, labels in loader:
            outputs = self.model(images.reshape(-1, 28 * 28))
            loss = criterion(outputs, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()
            yield
