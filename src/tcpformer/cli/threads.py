"""How many threads of the processor the networks take."""


def set_threads(threads: int) -> None:
    """Take so many; 0 leaves it to PyTorch, which takes all.

    Raises:
        ValueError: If there are fewer than none.
    """
    import torch

    if threads < 0:
        raise ValueError(f"threads must be 0, which takes all, or more, got {threads}.")
    if threads:
        torch.set_num_threads(threads)
