"""Adds to the reference numbers of llama.cpp those of PyTorch on the same weights.

llama.cpp rounds activations to eight bits before each product; PyTorch, with the
weights of the GGUF file decoded to 32 bits, does not. The result is written as
`exact_logits_NAME.json` beside the reference that the texts are taken from.

    python make_exact_logits.py FOLDER_OF_MODEL.GGUF reference_logits_NAME.json exact_logits_NAME.json

Needs torch, transformers and gguf.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM


def main(folder, reference_path, out_path):
    with open(reference_path, encoding="utf-8") as file:
        reference = json.load(file)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager"
    )
    model.eval()
    texts, continuations = [], []
    with torch.no_grad():
        for text in reference["texts"]:
            logits = model(torch.tensor([text["tokens"]])).logits[0]
            best = logits.topk(2)
            probes = [
                [position, round(best.values[position, 0].item(), 4)]
                + [round(logits[position, token].item(), 4) for token in reference["probe_ids"]]
                for position in range(0, len(text["tokens"]), 20)
            ]
            margins = (best.values[:, 0] - best.values[:, 1]).tolist()
            texts.append(
                {
                    "tokens": text["tokens"],
                    "top": best.indices[:, 0].tolist(),
                    "margin": [round(margin, 3) for margin in margins],
                    "probes": probes,
                }
            )
        for continuation in reference["continuations"]:
            tokens = list(continuation["tokens"])
            margins = []
            for _ in range(len(continuation["continuation"])):
                best = model(torch.tensor([tokens])).logits[0, -1].topk(2)
                margins.append(round((best.values[0] - best.values[1]).item(), 3))
                tokens.append(best.indices[0].item())
            continuations.append(
                {
                    "tokens": continuation["tokens"],
                    "continuation": tokens[len(continuation["tokens"]) :],
                    "margin": margins,
                }
            )
    result = {
        "made_with": "make_exact_logits.py: PyTorch on the decoded weights",
        "probe_ids": reference["probe_ids"],
        "texts": texts,
        "continuations": continuations,
    }
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(result, file, separators=(",", ":"))


if __name__ == "__main__":
    main(*sys.argv[1:4])
