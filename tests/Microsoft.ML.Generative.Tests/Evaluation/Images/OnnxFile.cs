using System.Text;
using Google.Protobuf;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Writes ONNX files of one operation whose inputs are all the network's input; field numbers are those of onnx.proto.</summary>
internal static class OnnxFile
{
    private const int Float = 1;

    /// <param name="path">The file.</param>
    /// <param name="operation">An operation of ONNX, such as Add.</param>
    /// <param name="uses">How many times the input goes into it.</param>
    /// <param name="input">The input's shape; what is open is −1.</param>
    /// <param name="outputs">The outputs' names; each is the operation's result.</param>
    public static void Write(string path, string operation, int uses, long[] input, params string[] outputs)
    {
        byte[][] nodes = [.. outputs.Select(name => Message(o =>
        {
            for (int i = 0; i < uses; i++)
                Text(o, 1, "x");
            Text(o, 2, name);
            Text(o, 4, operation);
        }))];
        byte[] graph = Message(o =>
        {
            foreach (byte[] node in nodes)
                Bytes(o, 1, node);
            Text(o, 2, "graph");
            Bytes(o, 11, Value("x", input));
            foreach (string name in outputs)
                Bytes(o, 12, Value(name, shape: null));
        });
        File.WriteAllBytes(path, Message(o =>
        {
            Number(o, 1, 8);
            Bytes(o, 7, graph);
            Bytes(o, 8, Message(version => Number(version, 2, 13)));
        }));
    }

    private static byte[] Value(string name, long[]? shape) => Message(o =>
    {
        Text(o, 1, name);
        Bytes(o, 2, Message(type => Bytes(type, 1, Message(tensor =>
        {
            Number(tensor, 1, Float);
            if (shape is not null)
                Bytes(tensor, 2, Message(dimensions => Array.ForEach(shape, d => Bytes(dimensions, 1, Dimension(d)))));
        }))));
    });

    private static byte[] Dimension(long size) => Message(o =>
    {
        if (size < 0)
            Text(o, 2, "N");
        else
            Number(o, 1, size);
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
            write(output);
        return stream.ToArray();
    }

    private static void Number(CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }

    private static void Bytes(CodedOutputStream output, int field, byte[] value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(value));
    }

    private static void Text(CodedOutputStream output, int field, string value) => Bytes(output, field, Encoding.UTF8.GetBytes(value));
}
