"""A sweep as a careful user would write it in PyTorch, to time ours against.

    python benchmarks/peer.py --lengths 190,190,190 --layers 12 --hidden 768 --way careful

prints one line of JSON: CPU and wall seconds, windows, and PyTorch's own float32 matmul rate in
GFLOP/s. It runs in any Python that has PyTorch (``make bench-peer`` makes one); nothing else of the
project needs it. Weights are random, for time does not depend on them.

Two ways to write it:

* ``careful``: one window at a time, the unmasked batch kept, and the five zones of a layer taken
  to the end as one batch;
* ``naive``: 61 masks, eight at a time, each through all layers.

``--way train`` times training steps instead: the windows in batches of eight, sorted by length.
"""

import argparse
import json
import time

try:
    import torch
    from torch.nn import functional
except ModuleNotFoundError:  # --help works without it
    torch = None

OTHER, QUESTION, PASSAGE = 0, 1, 2
MASKED = -10000.0
# zone: roles of the rows, roles of the keys; "all" forbids nothing.
ZONES = {
    "all": ((), ()),
    "q2": ((QUESTION,), (QUESTION,)),
    "q2p": ((OTHER, QUESTION), (PASSAGE,)),
    "p2q": ((OTHER, PASSAGE), (QUESTION,)),
    "p2": ((PASSAGE,), (PASSAGE,)),
}
BATCH = 8
# Of training.
VOCABULARY, DROPOUT = 30000, 0.1


class Layer(torch.nn.Module if torch else object):
    """A BERT layer, with the mask as an addition to the scores."""

    def __init__(self, hidden, heads, intermediate, dropout=0.0):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.projection = torch.nn.Linear(hidden, 3 * hidden)
        self.attention_output = torch.nn.Linear(hidden, hidden)
        self.attention_norm = torch.nn.LayerNorm(hidden, eps=1e-12)
        self.intermediate = torch.nn.Linear(hidden, intermediate)
        self.output = torch.nn.Linear(intermediate, hidden)
        self.output_norm = torch.nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, bias):
        """``[batch, tokens, hidden]``, ``[batch or 1, 1, tokens, tokens]`` -> as x."""
        batch, tokens, hidden = x.shape
        query, key, value = (
            part.view(batch, tokens, self.heads, -1).transpose(1, 2)
            for part in self.projection(x).split(hidden, dim=-1)
        )
        context = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, dropout_p=self.dropout
        )
        context = context.transpose(1, 2).reshape(batch, tokens, hidden)
        x = self.attention_norm(self._drop(self.attention_output(context)) + x)
        raised = functional.gelu(self.intermediate(x), approximate="tanh")
        return self.output_norm(self._drop(self.output(raised)) + x)

    def _drop(self, x):
        return functional.dropout(x, self.dropout) if self.dropout else x


def zone_biases(roles):
    """The bias of each zone, ``[zones, 1, tokens, tokens]``."""
    biases = []
    for rows, keys in ZONES.values():
        row = sum((roles == role for role in rows), torch.zeros_like(roles, dtype=torch.bool))
        key = sum((roles == role for role in keys), torch.zeros_like(roles, dtype=torch.bool))
        biases.append(MASKED * (row[:, None] & key[None, :]).float())
    return torch.stack(biases)[:, None]


def careful(layers, x, biases):
    """The outputs of the baseline and every cell, a list."""
    outputs, none = [], torch.zeros_like(biases[:1])
    for number, layer in enumerate(layers):
        variants = layer(x.expand(len(biases), -1, -1), biases)
        for later in layers[number + 1 :]:
            variants = later(variants, none)
        outputs.append(variants)
        x = layer(x, none)
    return outputs + [x]


def naive(layers, x, biases):
    """The same, cell by cell in batches."""
    none = torch.zeros_like(biases[0])
    cells = [None] + [
        (number, zone) for number in range(len(layers)) for zone in range(len(biases))
    ]
    outputs = []
    for first in range(0, len(cells), BATCH):
        group = cells[first : first + BATCH]
        hidden = x.expand(len(group), -1, -1)
        for number, layer in enumerate(layers):
            masked = [cell is not None and cell[0] == number for cell in group]
            bias = [biases[c[1]] if is_masked else none for c, is_masked in zip(group, masked)]
            hidden = layer(hidden, torch.stack(bias))
        outputs.append(hidden)
    return outputs


def training_step(hidden, layers):
    """A function that trains on a batch ``[batch, tokens]``: span loss, backward, AdamW."""
    words, span = torch.nn.Embedding(VOCABULARY, hidden), torch.nn.Linear(hidden, 2)
    weights = [weight for part in [words, *layers, span] for weight in part.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, weight_decay=0.01)

    def step(ids):
        """Trains on one batch."""
        none = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
        x = functional.dropout(words(ids), DROPOUT)
        for layer in layers:
            x = layer(x, none)
        loss = functional.cross_entropy(span(x), torch.ones(len(x), 2, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return step


def matmul_rate(seconds=3.0):
    """PyTorch's rate for ``[4096, 768] x [768, 3072]``, GFLOP/s, as benchmarks/matmul_rate.py."""
    left, right = torch.rand(4096, 768), torch.rand(768, 3072)
    left @ right
    times, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        left @ right
        times += 1
    return times * 2.0 * 4096 * 768 * 3072 / (time.perf_counter() - started) / 1e9


def reading_work(options, layers, lengths):
    """Reads one window at each step; the first one twice."""
    read = {"careful": careful, "naive": naive}[options.way]
    for length in [lengths[0], *lengths]:
        roles = torch.full((length,), PASSAGE)
        roles[1 : 1 + options.question] = QUESTION
        roles[[0, 1 + options.question, length - 1]] = OTHER
        with torch.inference_mode():
            read(layers, torch.randn(1, length, options.hidden), zone_biases(roles))
        yield


def training_work(options, layers, lengths):
    """Trains on one batch at each step; on the first one twice."""
    step = training_step(options.hidden, layers)
    batches = [lengths[first : first + BATCH] for first in range(0, len(lengths), BATCH)]
    for batch in [batches[0], *batches]:
        step(torch.randint(VOCABULARY, (len(batch), max(batch))))
        yield


def main(argv=None):
    """Prints the line; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lengths", required=True, help="tokens of each window, by commas")
    parser.add_argument("--question", type=int, default=13, help="tokens of a question")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--intermediate", type=int, default=3072)
    parser.add_argument("--way", choices=("careful", "naive", "train"), default="careful")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    if not torch:
        parser.error("this Python has no PyTorch; see make bench-peer")
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    shape = (options.hidden, options.heads, options.intermediate)
    dropout = DROPOUT if options.way == "train" else 0.0
    layers = [Layer(*shape, dropout) for _ in range(options.layers)]
    lengths = [int(length) for length in options.lengths.split(",")]
    rate = matmul_rate()
    if options.way == "train":
        work = training_work(options, layers, sorted(lengths))
    else:
        work = reading_work(options, layers, lengths)
    next(work)  # the first one warms up
    cpu_began, wall_began = time.process_time(), time.perf_counter()
    for _ in work:
        pass
    cpu, wall = time.process_time() - cpu_began, time.perf_counter() - wall_began
    described = {"way": options.way, "torch": torch.__version__, "windows": len(lengths)}
    described.update(cpu_seconds=cpu, wall_seconds=wall, matmul=(rate + matmul_rate()) / 2)
    print(json.dumps(described))
    return 0


if __name__ == "__main__":
    main()
