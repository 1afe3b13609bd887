"""A judge by colour, and a backbone measure that counts its looks."""

import numpy as np

from dpsims_hub.evaluation.measures import BackboneMeasure
from dpsims_hub.evaluation.segmentation_scores import class_counts


class ColourJudge:
    """Takes dark pixels for class 0, bright ones for class 2, and the rest for 1."""

    description = {"segmenter": "colours"}

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.digitize(images.mean(axis=3), [75, 135])

    def judge(self, images: np.ndarray, label_maps: np.ndarray) -> np.ndarray:
        return np.stack(
            [class_counts(*pair, 3) for pair in zip(label_maps, self.predict(images), strict=True)]
        )


class Watched(BackboneMeasure):
    """Counts the scenes and the training batches that it looks at."""

    looks = 0

    def record(self, scene):
        self.looks += 1
        return super().record(scene)

    def vectors(self, photos):
        self.looks += 1
        return super().vectors(photos)
