using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class FlowNetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _noGradient = no_grad();

    public void Dispose()
    {
        _noGradient.Dispose();
        _scope.Dispose();
    }

    public static TheoryData<string> Networks => ["vector", "vector with labels", "one value", "image", "image with labels", "bytes"];

    [Theory]
    [MemberData(nameof(Networks))]
    public void Decoding_inverts_encoding(string kind)
    {
        FlowArchitecture architecture = ArchitectureOf(kind);
        using FlowNetwork network = RandomNetwork(architecture);
        (Tensor x, Tensor? labels) = RowsOf(architecture, 50);

        (Tensor latent, _) = network.Encode(x, labels);
        Assert.InRange((network.Decode(latent, labels) - x.flatten(1)).abs().max().ToSingle(), 0, 1e-4f);
        if (!architecture.IsDequantized)
        {
            Tensor z = x.flatten(1);
            Assert.InRange((network.Encode(network.Decode(z, labels), labels).Latent - z).abs().max().ToSingle(), 0, 1e-4f);
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void The_log_determinant_is_that_of_the_numerical_jacobian(string kind)
    {
        FlowArchitecture architecture = ArchitectureOf(kind);
        using FlowNetwork network = RandomNetwork(architecture);
        network.to(float64);
        (Tensor x, Tensor? labels) = RowsOf(architecture, 1);
        int size = architecture.Row.Size;
        const double Step = 1e-5;

        // All columns of the Jacobian at once: one row for each value that is moved. Bytes move within their levels.
        Tensor moves = eye(size, dtype: float64) * Step;
        Tensor many = x.to(float64).flatten(1).expand(size, size);
        Tensor? manyLabels = labels?.expand(size);
        Tensor Latent(Tensor moved) => architecture.IsDequantized
            ? network.Encode(many, manyLabels, 0.5 + moved).Latent
            : network.Encode(many + moved, manyLabels).Latent;
        Tensor jacobian = (Latent(moves) - Latent(-moves)) / (2 * Step);

        double expected = linalg.slogdet(jacobian).Item2.ToDouble();
        double actual = network.Encode(x.to(float64), labels).LogDeterminant.ToDouble();
        Assert.Equal(expected, actual, 1e-4);
    }

    [Fact]
    public void A_new_network_has_the_density_of_the_standardized_normal_distribution()
    {
        FlowArchitecture architecture = ArchitectureOf("vector");
        using FlowNetwork network = new(architecture);
        double[] mean = [100, -3, 0, 1e-3, 5], deviation = [20, 0.1, 1, 1e-4, 2], x = [130, -2.9, 1, 1.2e-3, 5];
        network.Standardization.Set(tensor(mean), tensor(deviation));

        double expected = 0;
        for (int i = 0; i < x.Length; i++)
            expected += 0.5 * Math.Pow((x[i] - mean[i]) / deviation[i], 2) + Math.Log(deviation[i] * Math.Sqrt(2 * Math.PI));
        (Tensor latent, Tensor logDeterminant) = network.Encode(tensor(x).to(float32).reshape(1, 5));
        Assert.Equal(expected, FlowNetwork.NegativeLogDensity(latent, logDeterminant).ToSingle(), 1e-4);
    }

    [Fact]
    public void Labels_change_the_density()
    {
        FlowArchitecture architecture = ArchitectureOf("vector with labels");
        using FlowNetwork network = RandomNetwork(architecture);
        Tensor x = zeros(3, 5);
        (Tensor latent, Tensor logDeterminant) = network.Encode(x, tensor([0L, 1, 2]));
        float[] densities = FlowNetwork.NegativeLogDensity(latent, logDeterminant).data<float>().ToArray();
        Assert.Equal(3, densities.Distinct().Count());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(9)]
    [InlineData(16)]
    public void Every_value_of_a_vector_is_conditioned_on_every_other(int size)
    {
        int bits = (int)Math.Ceiling(Math.Log2(size));
        float[][] masks = [.. Enumerable.Range(0, 2 * bits).Select(i => CouplingMask.Of(new RowShape(null, size), i))];
        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < size; j++)
                Assert.True(i == j || masks.Any(mask => mask[i] == 1 && mask[j] == 0), $"{i} on {j}");
        }
    }

    [Theory]
    [InlineData(1, 8, 12, 3)]
    [InlineData(3, 6, 4, 2)]
    [InlineData(3, 5, 5, 1)]
    public void The_cells_of_images_grow_where_their_size_allows(int channels, int height, int width, int scales)
    {
        var image = new ImageShape(channels, height, width);
        Assert.Equal(scales, Enumerable.Range(0, 12).Select(i => CouplingMask.ScaleOf(image, i)).Distinct().Count());
        for (int i = 0; i < 12; i += 2)
        {
            var row = new RowShape(image, image.Size);
            float[] mask = CouplingMask.Of(row, i), other = CouplingMask.Of(row, i + 1);
            Assert.All(mask.Zip(other), pair => Assert.Equal(1, pair.First + pair.Second));
            int cell = 1 << CouplingMask.ScaleOf(image, i);
            Assert.Equal(mask[0], mask[cell - 1]);
            Assert.NotEqual(mask[0], mask[cell]);
        }
    }

    [Fact]
    public void Every_byte_comes_back_wherever_its_noise_lies_in_its_level()
    {
        Tensor bytes = (arange(256, dtype: float32) / 255).reshape(256, 1);
        foreach (double place in (double[])[0.01, 0.5, 0.99])
        {
            Tensor values = Dequantization.Encode(bytes, full([256, 1], place, float32)).Values;
            Assert.True(Dequantization.Decode(values).allclose(bytes, atol: 1e-6));
        }
    }

    private static FlowArchitecture ArchitectureOf(string kind)
    {
        bool isImage = kind.StartsWith("image", StringComparison.Ordinal) || kind == "bytes";
        ImageShape? image = kind == "bytes" ? new ImageShape(1, 4, 3) : isImage ? new ImageShape(3, 4, 4) : null;
        return new FlowArchitecture
        {
            Row = new RowShape(image, image?.Size ?? (kind == "one value" ? 1 : 5)),
            LabelCount = kind.EndsWith("labels", StringComparison.Ordinal) ? 3 : 0,
            CouplingLayers = 7,
            HiddenSizes = isImage ? [] : [16, 8],
            ConvolutionChannels = isImage ? 6 : 0,
            MaxLogScale = 1.5,
            IsDequantized = kind == "bytes",
        };
    }

    // With weights that no layer begins with.
    private static FlowNetwork RandomNetwork(FlowArchitecture architecture) => TorchSeed.Initialize(5, () =>
    {
        var network = new FlowNetwork(architecture);
        foreach (TorchSharp.Modules.Parameter parameter in network.parameters())
            nn.init.normal_(parameter, 0, 0.15);
        network.Standardization.Set(randn(architecture.Row.Size), rand(architecture.Row.Size) + 0.5);
        return network;
    });

    private static (Tensor X, Tensor? Labels) RowsOf(FlowArchitecture architecture, int count)
    {
        using var generator = new Generator(6);
        long[] shape = [count, .. architecture.Row.Dimensions];
        Tensor x = architecture.IsDequantized
            ? randint(256, shape, dtype: float32, generator: generator) / 255
            : randn(shape, generator: generator);
        return (x, architecture.LabelCount == 0 ? null : arange(count).remainder(architecture.LabelCount));
    }
}
