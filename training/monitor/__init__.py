"""What a log of predictions tells: whether the world is still the one that the model learnt from."""

from training.monitor import page
from training.monitor.monitor import Monitored, monitor
from training.monitor.thresholds import Thresholds

__all__ = ["Monitored", "Thresholds", "monitor", "page"]
