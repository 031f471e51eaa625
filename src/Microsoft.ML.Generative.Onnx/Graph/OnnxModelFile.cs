using System.Reflection;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>Writes graphs as files (onnx.proto, ModelProto and GraphProto).</summary>
internal static class OnnxModelFile
{
    // Of ONNX 1.16, with the operations of OnnxGraph.Opset.
    private const int IrVersion = 10;

    // Protocol Buffers end at 2 GiB; what is no weight has room in the rest.
    private const long MostBytesInside = int.MaxValue - (64 << 20);

    // ONNX derives shapes from small tensors, and reads none of them from another file for that.
    private const long MostBytesOfConstants = 1024;

    // ModelProto
    private const int IrVersionField = 1;
    private const int ProducerNameField = 2;
    private const int ProducerVersionField = 3;
    private const int GraphField = 7;
    private const int OpsetField = 8;
    private const int MetadataField = 14;

    // GraphProto
    private const int NodeField = 1;
    private const int NameField = 2;
    private const int InitializerField = 5;
    private const int InputField = 11;
    private const int OutputField = 12;

    private static string Version =>
        typeof(OnnxModelFile).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>Writes a graph; weights that no single file can hold go to <c>path.data</c> beside it.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, OnnxGraph graph, long mostBytesInside = MostBytesInside)
    {
        OnnxTensor[] tensors = [.. graph.Tensors];
        if (tensors.Sum(tensor => tensor.Bytes) <= mostBytesInside)
        {
            AtomicFile.Write(path, Model(graph, tensors.Select(tensor => tensor.ToMessage())).WriteTo);
            return;
        }

        string data = path + ".data";
        OnnxTensor[] outside = [.. tensors.Where(tensor => tensor.Bytes > MostBytesOfConstants)];
        List<ProtoMessage> messages = [.. tensors.Except(outside).Select(tensor => tensor.ToMessage())];
        long offset = 0;
        foreach (OnnxTensor tensor in outside)
        {
            messages.Add(tensor.ToMessage(Path.GetFileName(data), offset));
            offset += tensor.Bytes;
        }

        AtomicFile.Write(data, stream => Array.ForEach(outside, tensor => tensor.Write(stream)));
        AtomicFile.Write(path, Model(graph, messages).WriteTo);
    }

    /// <summary>A key with its value (StringStringEntryProto).</summary>
    public static ProtoMessage Entry(string key, string value) => new ProtoMessage().Text(1, key).Text(2, value);

    private static ProtoMessage Model(OnnxGraph graph, IEnumerable<ProtoMessage> tensors)
    {
        ProtoMessage model = new ProtoMessage()
            .Number(IrVersionField, IrVersion)
            .Text(ProducerNameField, "Microsoft.ML.Generative")
            .Text(ProducerVersionField, Version)
            .Message(GraphField, Graph(graph, tensors))
            .Message(OpsetField, new ProtoMessage().Number(2, OnnxGraph.Opset));
        foreach ((string key, string value) in graph.Metadata)
            model.Message(MetadataField, Entry(key, value));
        return model;
    }

    private static ProtoMessage Graph(OnnxGraph graph, IEnumerable<ProtoMessage> tensors)
    {
        var message = new ProtoMessage();
        foreach (ProtoMessage node in graph.Nodes)
            message.Message(NodeField, node);
        message.Text(NameField, "model");
        foreach (ProtoMessage tensor in tensors)
            message.Message(InitializerField, tensor);
        foreach ((string name, OnnxType type, OnnxSize[] row) in graph.Inputs)
            message.Message(InputField, Value(name, type, row));
        foreach ((string name, OnnxType type, OnnxSize[] row) in graph.Outputs)
            message.Message(OutputField, Value(name, type, row));
        return message;
    }

    // ValueInfoProto, TypeProto.Tensor and TensorShapeProto
    private static ProtoMessage Value(string name, OnnxType type, OnnxSize[] row)
    {
        var shape = new ProtoMessage();
        foreach (OnnxSize size in (OnnxSize[])["batch", .. row])
            shape.Message(1, size.ToMessage());
        ProtoMessage tensor = new ProtoMessage().Number(1, (int)type).Message(2, shape);
        return new ProtoMessage().Text(1, name).Message(2, new ProtoMessage().Message(1, tensor));
    }
}
