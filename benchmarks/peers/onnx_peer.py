"""ONNX Runtime: prediction only."""

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from worker import cores, serve


def predictor(data):
    nodes, name = [], "x"
    for layer in range(3):
        nodes.append(
            helper.make_node("Gemm", [name, f"w{layer}", f"b{layer}"], [f"z{layer}"], transB=1)
        )
        name = f"a{layer}"
        kind = "Relu" if layer < 2 else "Softmax"
        nodes.append(helper.make_node(kind, [f"z{layer}"], [name]))
    stored = [
        numpy_helper.from_array(data[f"weights{2 * layer + place}"], f"{letter}{layer}")
        for layer in range(3)
        for place, letter in enumerate("wb")
    ]
    inputs = data["x"].shape[1]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["spectrum", inputs])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["spectrum", 6])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})[0]


serve(None, predictor, None, {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__})
