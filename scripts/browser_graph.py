"""Write the graph by which the browser multiplies matrices: `python -m scripts.browser_graph`."""

from pathlib import Path
from typing import Any

from onnx import TensorProto, checker, helper

GRAPH = Path(__file__).parent.parent / "src/restyle/studio/page/browser/product.onnx"


def build() -> bytes:
    """Return a graph of scores = a b^T + bias, and the index and value of the highest score of each row.

    Inputs are float32 `a` [n, k], `b` [m, k] and `bias` [m]; outputs are `scores` [n, m], `index` [n, int32]
    and `best` [n].
    """

    def value(name: str, shape: list[str], kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    nodes = [
        helper.make_node("Gemm", ["a", "b", "bias"], ["scores"], transB=1),
        helper.make_node("ArgMax", ["scores"], ["place"], axis=1, keepdims=0),
        helper.make_node("Cast", ["place"], ["index"], to=TensorProto.INT32),
        helper.make_node("ReduceMax", ["scores", "axes"], ["best"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [value("a", ["n", "k"]), value("b", ["m", "k"]), value("bias", ["m"])],
        [value("scores", ["n", "m"]), value("index", ["n"], TensorProto.INT32), value("best", ["n"])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    GRAPH.write_bytes(build())
