"""Makes reference_exact_{smollm2,gemma3}.json: what the weights of a GGUF file say.

    pip install torch==2.15.0 transformers==5.23.0 gguf==0.19.0
    python3 make_reference_exact.py reference_logits_smollm2.json FOLDER > reference_exact_smollm2.json

FOLDER holds model.gguf. transformers turns its blocks into 32-bit floats, and
PyTorch computes with them in 32-bit floats throughout. llama.cpp, which rounds
activations, differs from this by about as much as from itself
(reference_logits_*.json); an engine that does not round should not.

The texts are those of reference_logits_*.json, in their order:

  texts[].top       at each position the id of the greatest logit of the next token
  texts[].margin    at each position, greatest logit less second greatest
  texts[].probes    at positions 0, 20, 40, …: [position, logit of `top`, logits of `probe_ids`]
  llama_cpp         how far llama.cpp is from this: share of positions with the same top id,
                    and the mean absolute difference of the logits of `probe_ids`
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM


def main():
    with open(sys.argv[1]) as file:
        reference = json.load(file)
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(
        sys.argv[2], gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = reference["probe_ids"]
    texts, same, differences = [], [], []
    for text in reference["texts"]:
        with torch.no_grad():
            logits = model(torch.tensor([text["tokens"]])).logits[0]
        first, second = logits.topk(2).values.T
        top = logits.argmax(-1).tolist()
        probes = [
            [position] + [round(float(logits[position, i]), 4) for i in [top[position], *ids]]
            for position in range(0, len(top), 20)
        ]
        same += [ours == theirs for ours, theirs in zip(top, text["top"])]
        for ours, theirs in zip(probes, text["probes"]):
            differences += [abs(a - b) for a, b in zip(ours[2:], theirs[2:])]
        margin = [round(value, 2) for value in (first - second).tolist()]
        texts.append({"name": text["name"], "top": top, "margin": margin, "probes": probes})
    head = {
        "made_with": "make_reference_exact.py: PyTorch 2.15.0, transformers 5.23.0, 32-bit floats",
        "probe_ids": ids,
        "llama_cpp": {
            "same_top": round(sum(same) / len(same), 5),
            "mean_absolute_difference": round(sum(differences) / len(differences), 5),
        },
    }
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in texts)
    print("{\n" + ",\n".join(parts) + ',\n "texts": [\n' + rows + "\n ]\n}")


if __name__ == "__main__":
    main()
