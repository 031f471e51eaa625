using System.Text.Json;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public SafetensorsWriterTests() => TorchRuntime.EnsureLoaded();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void An_independent_parser_finds_what_was_written()
    {
        byte[] file = Written(
            [
                ("flags", torch.tensor(new[] { true, false, true })),
                ("w", torch.tensor(new[] { 1f, 2, 3, 4 }).view(2, 2).t()),
                ("scalar", torch.tensor(-2L)),
                ("half", torch.tensor(1.5f).to(torch.bfloat16)),
                ("none", torch.zeros(0, 3)),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["épreuve"] = "ß\"" });

        var tensors = SafetensorsBytes.Parse(file, out JsonElement header);
        Assert.Equal("ß\"", header.GetProperty("__metadata__").GetProperty("épreuve").GetString());
        Assert.Equal(5, tensors.Count);
        AssertTensor(tensors["flags"], "BOOL", [3], [1, 0, 1]);
        AssertTensor(tensors["w"], "F32", [2, 2], [0, 0, 0x80, 0x3F, 0, 0, 0x40, 0x40, 0, 0, 0, 0x40, 0, 0, 0x80, 0x40]);
        AssertTensor(tensors["scalar"], "I64", [], [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
        AssertTensor(tensors["half"], "BF16", [], [0xC0, 0x3F]);
        AssertTensor(tensors["none"], "F32", [0, 3], []);
    }

    public static TheoryData<torch.ScalarType, double, string, byte[]> Layouts => new()
    {
        { torch.float64, -2.5, "F64", [0, 0, 0, 0, 0, 0, 0x04, 0xC0] },
        { torch.float32, 1.5, "F32", [0, 0, 0xC0, 0x3F] },
        { torch.float16, -2, "F16", [0x00, 0xC0] },
        { torch.bfloat16, 1, "BF16", [0x80, 0x3F] },
        { torch.int64, -2, "I64", [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] },
        { torch.int32, 65536, "I32", [0, 0, 1, 0] },
        { torch.int16, -32768, "I16", [0x00, 0x80] },
        { torch.int8, -1, "I8", [0xFF] },
        { torch.uint8, 255, "U8", [0xFF] },
        { torch.@bool, 1, "BOOL", [1] },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Every_type_is_written_as_the_layout_says(torch.ScalarType type, double value, string name, byte[] data) =>
        AssertTensor(SafetensorsBytes.Parse(Written([("x", torch.tensor(value).to(type))]), out _)["x"], name, [], data);

    [Fact]
    public void The_bytes_do_not_depend_on_the_order_given_and_every_tensor_is_aligned()
    {
        (string Name, torch.Tensor Tensor)[] tensors =
        [
            ("u", torch.ones(3, torch.uint8)), ("d", torch.ones(1, torch.float64)), ("b", torch.ones(3, torch.float32)),
            ("a", torch.ones(1, torch.float32)), ("h", torch.ones(3, torch.float16)),
        ];
        var metadata = new Dictionary<string, string> { ["z"] = "1", ["a"] = "2" };
        byte[] file = Written(tensors, metadata);
        Assert.Equal(file, Written(tensors.Reverse(), metadata.Reverse().ToDictionary()));

        SafetensorsHeader header = SafetensorsHeader.Read(file, "x", file.Length);
        Assert.Equal(["d", "a", "b", "h", "u"], header.Tensors.Select(t => t.Name));
        Assert.All(header.Tensors, t => Assert.Equal(0, (header.DataStart + t.Begin) % SafetensorsTypes.SizeOf(t.Type)));
        Assert.Equal(0, header.DataStart % 8);
    }

    [Fact]
    public void Random_tensors_come_back_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(5);
        using var generator = new torch.Generator(5);
        torch.ScalarType[] types =
        [
            torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64,
            torch.@bool,
        ];
        for (int round = 0; round < 30; round++)
        {
            using var scope = torch.NewDisposeScope();
            (string Name, torch.Tensor Tensor)[] tensors = [.. Enumerable.Range(0, random.Next(6))
                .Select(i => ($"t.{i}", RandomTensor(random, generator, types[random.Next(types.Length)])))];
            string path = folder.File("round.safetensors");
            SafetensorsWriter.WriteFile(path, tensors);

            using SafetensorsFile file = SafetensorsFile.Open(path);
            Assert.Equal(tensors.Select(t => t.Name).Order(), file.Names.Order());
            foreach (var (name, tensor) in tensors)
            {
                torch.Tensor back = file.Read(name);
                Assert.Equal(tensor.dtype, back.dtype);
                Assert.Equal(tensor.shape, back.shape);
                Assert.Equal(tensor.contiguous().bytes.ToArray(), back.bytes.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(24)]
    [InlineData(100)]
    [InlineData(1 << 20)]
    public void Pieces_of_any_size_give_the_same_bytes_both_ways(int pieceBytes)
    {
        torch.Tensor plain = torch.arange(2 * 3 * 5, torch.float64).view(2, 3, 5);
        torch.Tensor[] layouts =
        [
            plain, plain.permute(2, 0, 1), plain.transpose(0, 1), plain[torch.TensorIndex.Ellipsis, torch.TensorIndex.Slice(0, 5, 2)],
            plain.expand(4, 2, 3, 5), torch.tensor(7.0),
        ];
        foreach (torch.Tensor tensor in layouts)
        {
            var bytes = new List<byte>();
            int largest = 0;
            TensorPieces.Write(tensor, piece => { bytes.AddRange(piece); largest = Math.Max(largest, piece.Length); }, pieceBytes);
            Assert.Equal(tensor.contiguous().bytes.ToArray(), bytes);
            Assert.InRange(largest, 1, pieceBytes);

            torch.Tensor back = torch.empty_like(tensor.contiguous()).transpose(0, -1).contiguous().transpose(0, -1);
            int read = 0;
            TensorPieces.Read(
                back, piece => { bytes.GetRange(read, piece.Length).ToArray().CopyTo(piece); read += piece.Length; }, pieceBytes);
            Assert.Equal(bytes.Count, read);
            Assert.Equal(bytes, back.contiguous().bytes.ToArray());
        }
    }

    [Fact]
    public void What_the_format_cannot_hold_is_refused_before_a_byte_is_written()
    {
        torch.Tensor one = torch.ones(1);
        Assert.Contains("'a'", Refused([("a", one), ("a", one)]));
        Assert.Contains("reserved", Refused([("__metadata__", one)]));
        Assert.Contains("ComplexFloat32", Refused([("a", one), ("c", torch.zeros(1, torch.complex64))]));
        Assert.Contains("sparse", Refused([("s", torch.eye(2).to_sparse())]));
    }

    [Fact]
    public void Writing_does_not_detach_or_change_a_parameter()
    {
        using var parameter = new TorchSharp.Modules.Parameter(torch.ones(2, 2));
        Written([("p", parameter)]);
        Assert.True(parameter.requires_grad);
        Assert.True(torch.is_grad_enabled());
    }

    private static torch.Tensor RandomTensor(Random random, torch.Generator generator, torch.ScalarType type)
    {
        long[] shape = [.. Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(5))];
        torch.Tensor tensor = torch.randint(0, 100, shape, dtype: torch.float64, generator: generator).to(type);
        return shape.Length > 1 && random.Next(2) == 0 ? tensor.transpose(0, 1) : tensor;
    }

    private static string Refused((string, torch.Tensor)[] tensors)
    {
        using var stream = new MemoryStream();
        string message = Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(stream, tensors)).Message;
        Assert.Equal(0, stream.Length);
        return message;
    }

    private static byte[] Written(IEnumerable<(string, torch.Tensor)> tensors, Dictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, tensors, metadata);
        return stream.ToArray();
    }

    private static void AssertTensor((string Type, long[] Shape, byte[] Data) found, string type, long[] shape, byte[] data)
    {
        Assert.Equal(type, found.Type);
        Assert.Equal(shape, found.Shape);
        Assert.Equal(data, found.Data);
    }
}
