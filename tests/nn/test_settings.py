import pytest
import torch

from restyle.nn.settings import torch_settings


def settings() -> tuple[int, bool, torch.Tensor]:
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.random.get_rng_state(),
    )


def test_settings_hold_inside_and_are_restored() -> None:
    threads, deterministic, state = settings()

    def fail() -> None:
        with torch_settings(threads=threads + 1, deterministic=not deterministic):
            assert settings()[:2] == (threads + 1, not deterministic)
            torch.rand(3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert settings()[:2] == (threads, deterministic)
    assert torch.equal(settings()[2], state)


def test_what_changes_inside_is_restored_too() -> None:
    threads, deterministic, state = settings()
    with torch_settings():
        torch.set_num_threads(threads + 2)
        torch.use_deterministic_algorithms(not deterministic, warn_only=True)
        torch.manual_seed(5)
    assert settings()[:2] == (threads, deterministic)
    assert torch.equal(settings()[2], state)
