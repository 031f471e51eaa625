using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SafetensorsReadersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public SafetensorsReadersTests() => TorchRuntime.EnsureLoaded();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string, double[]> Values => new()
    {
        { "f64", [-2.5] },
        { "i64", [-2] },
        { "f32", [1.5, -1] },
        { "i32", [65536] },
        { "f16", [1.5, -2] },
        { "bf16", [1.5, -2] },
        { "i16", [-32768] },
        { "i8", [-1, 127] },
        { "u8", [255, 0] },
        { "bool", [1, 0] },
        { "empty", [] },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Every_type_reads_as_the_layout_says(string name, double[] expected)
    {
        using SafetensorsFile file = Open(SafetensorsBytes.OfEveryType());
        torch.Tensor tensor = file.Read(name);

        Assert.Equal(file.Info(name).Type, tensor.dtype);
        Assert.Equal(file.Info(name).Shape, tensor.shape);
        Assert.Equal(expected, Doubles(tensor));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stream_reads_as_the_file_does_whether_seekable_or_not(bool seekable)
    {
        byte[] bytes = SafetensorsBytes.OfEveryType();
        using SafetensorsFile file = Open(bytes);
        using Stream stream = seekable ? new MemoryStream(bytes) : SafetensorsBytes.Forward(bytes);
        var reader = new SafetensorsStream(stream, "entry");
        var destinations = file.Names.Where(n => n != "i32").ToDictionary(
            n => n, n => torch.full(file.Info(n).Shape, 9, file.Info(n).Type));
        reader.ReadInto(destinations);

        foreach (var (name, tensor) in destinations)
            Assert.Equal(Doubles(file.Read(name)), Doubles(tensor));
        Assert.Throws<InvalidOperationException>(() => reader.ReadInto(destinations));
    }

    [Fact]
    public void A_destination_that_is_a_view_a_parameter_or_transposed_is_filled_in_place()
    {
        using SafetensorsFile file = Open(SixNumbers());
        torch.Tensor buffer = torch.zeros(8);
        using var parameter = new TorchSharp.Modules.Parameter(buffer.narrow(0, 1, 6).view(2, 3));
        torch.Tensor transposed = torch.zeros(3, 2).t();

        file.ReadInto("w", parameter);
        file.ReadInto(new Dictionary<string, torch.Tensor> { ["w"] = transposed });

        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 0], Doubles(buffer));
        Assert.Equal([1, 2, 3, 4, 5, 6], Doubles(transposed));
        Assert.False(transposed.is_contiguous());
    }

    [Fact]
    public void A_stream_fills_transposed_destinations_too()
    {
        torch.Tensor transposed = torch.zeros(3, 2).t();
        new SafetensorsStream(new MemoryStream(SixNumbers()), "entry").ReadInto(
            new Dictionary<string, torch.Tensor> { ["w"] = transposed });
        Assert.Equal([1, 2, 3, 4, 5, 6], Doubles(transposed));
    }

    [Fact]
    public void A_destination_of_another_type_or_shape_is_refused_with_both_and_left_alone()
    {
        using SafetensorsFile file = Open(SixNumbers());
        torch.Tensor wrongShape = torch.zeros(3, 2);
        var shape = Assert.Throws<InvalidDataException>(() => file.ReadInto("w", wrongShape));
        var type = Assert.Throws<InvalidDataException>(() => file.ReadInto("w", torch.zeros([2, 3], torch.float64)));

        Assert.Contains("tensor 'w' is F32 [2, 3]; F32 [3, 2] was expected", shape.Message);
        Assert.Contains("tensor 'w' is F32 [2, 3]; F64 [2, 3] was expected", type.Message);
        Assert.All(Doubles(wrongShape), v => Assert.Equal(0, v));
    }

    [Fact]
    public void A_tensor_that_is_not_there_is_named()
    {
        using SafetensorsFile file = Open(SixNumbers());
        Assert.Contains("no tensor 'v'", Assert.Throws<InvalidDataException>(() => file.Read("v")).Message);
    }

    [Theory]
    [InlineData(1, "ends within the 24 bytes of tensor 'w'")]
    [InlineData(-1, "continues after the 24 bytes")]
    public void A_stream_of_unknown_length_that_is_cut_off_or_too_long_is_refused(int cut, string reason)
    {
        byte[] whole = SixNumbers();
        byte[] bytes = cut > 0 ? whole[..^cut] : [.. whole, 0];
        var reader = new SafetensorsStream(SafetensorsBytes.Forward(bytes), "entry");
        var error = Assert.Throws<InvalidDataException>(() =>
            reader.ReadInto(new Dictionary<string, torch.Tensor> { ["w"] = torch.zeros(2, 3) }));
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void A_closed_file_says_so()
    {
        SafetensorsFile file = Open(SixNumbers());
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read("w"));
    }

    private static byte[] SixNumbers()
    {
        float[] numbers = [1, 2, 3, 4, 5, 6];
        return SafetensorsBytes.Of(
            """{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}""", [.. numbers.SelectMany(BitConverter.GetBytes)]);
    }

    private SafetensorsFile Open(byte[] bytes)
    {
        string path = _folder.File("some.safetensors");
        File.WriteAllBytes(path, bytes);
        return SafetensorsFile.Open(path);
    }

    private static double[] Doubles(torch.Tensor tensor) => [.. tensor.detach().to(torch.float64).contiguous().view(-1).data<double>()];
}
