using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class GanNetworkTests
{
    // Radford et al. 2015, figure 1, without the biases that batch normalization makes useless: 100 → 4×4×1024 → 512 → 256 → 128 → 3 for
    // 64×64, at width 128.
    [Fact]
    public void The_generator_for_64_pixels_has_the_papers_parameters()
    {
        GanArchitecture architecture = GanArchitecture.Of(new GanOptions { BaseChannels = 128 }, Images(3, 64, 64), 0);
        using GeneratorNetwork network = architecture.CreateGenerator();
        long convolutions = 16L * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3);
        Assert.Equal(100 * 16 * 1024 + convolutions + 2 * (1024 + 512 + 256 + 128) + 3, network.parameters().Sum(p => p.numel()));
    }

    // Miyato et al. 2018, table 5, the generator for 48 pixels at width 64: 128 → 6×6×512 → 256 → 128 → 64 → 3, each block with two
    // normalizations, two 3×3 convolutions and a 1×1 one around them.
    [Fact]
    public void The_residual_generator_for_48_pixels_has_the_papers_parameters()
    {
        var options = new GanOptions { LatentSize = 128, Network = GanNetworkKind.Residual };
        using GeneratorNetwork network = GanArchitecture.Of(options, Images(3, 48, 48), 0).CreateGenerator();
        long blocks = Block(512, 256) + Block(256, 128) + Block(128, 64);
        Assert.Equal(129 * 36 * 512 + blocks + 2 * 64 + (9 * 64 + 1) * 3, network.parameters().Sum(p => p.numel()));

        static long Block(long inputs, long outputs) =>
            2 * inputs + (9 * inputs + 1) * outputs + 2 * outputs + (9 * outputs + 1) * outputs + (inputs + 1) * outputs;
    }

    // At width 64 for 48 pixels: 3 → 64 → 128 → 256, each halved, → 512, and the score of the sums. A block's first convolution keeps the
    // channels, but the first block's.
    [Fact]
    public void The_residual_discriminator_for_48_pixels_has_the_parameters_of_its_blocks()
    {
        using DiscriminatorNetwork network = Discriminator(
            new GanOptions { Network = GanNetworkKind.Residual }, Images(3, 48, 48), 0).Create();
        Assert.Equal(Block(3, 64, 64) + Block(64, 64, 128) + Block(128, 128, 256) + Block(256, 256, 512) + 513, network.parameters()
            .Sum(p => p.numel()));

        static long Block(long inputs, long between, long outputs) =>
            (9 * inputs + 1) * between + (9 * between + 1) * outputs + (inputs + 1) * outputs;
    }

    // The paper's order: the shortcut is doubled before its convolution, and halved after it.
    [Fact]
    public void Residual_blocks_compute_what_the_paper_s_order_gives()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(2, 3, 6, 4);
        using var doubling = new DoublingBlock(3, 5, conditionSize: 0);
        Tensor Up(Tensor t) => t.repeat_interleave(2, 2).repeat_interleave(2, 3);
        Tensor Normal(Tensor t) =>
            (t - t.mean([0, 2, 3], keepdim: true)) / (t.var([0L, 2, 3], unbiased: false, keepdim: true) + 1e-5).sqrt();
        Tensor h = Convolved(doubling, "conv1", Up(Normal(x).relu()), 1);
        Tensor expected = Convolved(doubling, "conv2", Normal(h).relu(), 1) + Convolved(doubling, "shortcut", Up(x), 0);
        Assert.True(expected.allclose(doubling.Forward(x, null), 1e-4, 1e-5));

        using var halving = new HalvingBlock(
            Discriminator(new GanOptions { DiscriminatorNormalization = GanNormalization.None }, Images(3, 48, 48), 0), 3, 5,
            isFirst: false, halves: true);
        h = Convolved(halving, "conv2", Convolved(halving, "conv1", x.relu(), 1).relu(), 1);
        expected = nn.functional.avg_pool2d(h, 2) + nn.functional.avg_pool2d(Convolved(halving, "shortcut", x, 0), 2);
        Assert.True(expected.allclose(halving.forward(x), 1e-4, 1e-5));

        Tensor Convolved(nn.Module block, string name, Tensor input, long padding)
        {
            Dictionary<string, TorchSharp.Modules.Parameter> weights = block.named_parameters().ToDictionary(p => p.name, p => p.parameter);
            return nn.functional.conv2d(input, weights[name + ".weight"], weights[name + ".bias"], padding: [padding, padding]);
        }
    }

    public static TheoryData<int, int, int, int> Sizes => new()
    {
        { 1, 16, 16, 0 },
        { 1, 28, 28, 10 },
        { 3, 32, 64, 0 },
        { 4, 64, 64, 3 },
        { 3, 64, 96, 0 },
        { 2, 256, 256, 0 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Images_have_their_size_and_numbers_are_counted_without_the_network(int channels, int height, int width, int labels)
    {
        foreach (GanLabelConditioning conditioning in Enum.GetValues<GanLabelConditioning>())
            foreach (GanNetworkKind architecture in new[] { GanNetworkKind.Dcgan, GanNetworkKind.Residual })
            {
                var options = new GanOptions
                {
                    Network = architecture,
                    BaseChannels = 2,
                    LatentSize = 5,
                    LabelColumnName = labels > 0 ? "Label" : null,
                    LabelConditioning = conditioning,
                    GeneratorConditioning = labels
                        == 10 ? GanGeneratorConditioning.BatchNormalization : GanGeneratorConditioning.Concatenation,
                    MinibatchStandardDeviation = labels == 3,
                };
                Check(options, Images(channels, height, width), labels);
            }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    public void Networks_of_other_rows_have_their_size_and_numbers_are_counted_without_them(int labels, bool isImage)
    {
        var options = new GanOptions
        {
            LatentSize = 5,
            HiddenSizes = [7, 6],
            LabelColumnName = labels > 0
            ? "Label"
            : null,
            Network = GanNetworkKind.Mlp,
            MinibatchStandardDeviation = true
        };
        Check(options, isImage ? Images(1, 3, 4) : new RowShape(null, 12), labels);
    }

    private static RowShape Images(int channels, int height, int width) =>
        new(new ImageShape(channels, height, width), channels * height * width);

    private static DiscriminatorArchitecture Discriminator(GanOptions options, RowShape row, int labels) =>
        DiscriminatorArchitecture.Of(GanArchitecture.Of(options, row, labels), options);

    private static void Check(GanOptions options, RowShape row, int labels)
    {
        using DisposeScope scope = NewDisposeScope();
        GanArchitecture architecture = GanArchitecture.Of(options, row, labels);
        using GeneratorNetwork generator = architecture.CreateGenerator();
        using DiscriminatorNetwork discriminator = Discriminator(options, row, labels).Create();
        Tensor? classes = labels == 0 ? null : arange(3, int64).remainder(labels);
        Tensor drawn = generator.Forward(randn(3, 5), classes);
        Assert.Equal([3, .. row.Dimensions], drawn.shape);
        Assert.Equal([3], discriminator.Forward(drawn, classes).shape);
        Shapes.AssertLikeReal(architecture.CreateGenerator);
    }

    [Theory]
    [InlineData(1, 8, 8, "16 to 256")]
    [InlineData(1, 50, 50, "56×56")]
    [InlineData(1, 300, 300, "16 to 256")]
    public void Sizes_that_cannot_be_halved_are_refused_with_one_that_can(int channels, int height, int width, string expected)
    {
        var error = Assert.Throws<ArgumentException>(() => HalvedMaps.Of(new ImageShape(channels, height, width), GanNetworkKind.Dcgan));
        Assert.Contains(expected, error.Message);
    }

    // Miyato, Koyama 2018, eq. 4: what the class changes is the inner product of its embedding with the features.
    [Fact]
    public void The_class_changes_what_the_discriminator_says()
    {
        foreach (GanLabelConditioning conditioning in Enum.GetValues<GanLabelConditioning>())
            foreach (GanNetworkKind architecture in Enum.GetValues<GanNetworkKind>())
            {
                var options = new GanOptions
                {
                    Network = architecture,
                    BaseChannels = 4,
                    LabelColumnName = "Label",
                    LabelConditioning = conditioning,
                };
                using DiscriminatorNetwork discriminator = Discriminator(options, Images(1, 16, 16), 3).Create();
                discriminator.eval();
                Tensor rows = randn(1, 1, 16, 16).expand(3, -1, -1, -1);
                Tensor scores = discriminator.Forward(rows, arange(3, int64));
                Assert.NotEqual(scores[0].ToDouble(), scores[1].ToDouble());
                Assert.NotEqual(scores[1].ToDouble(), scores[2].ToDouble());
            }
    }

    // Two rows (0, 0) and (2, 4): deviations 1 and 2, on average 1.5.
    [Fact]
    public void The_minibatch_deviation_is_the_mean_deviation_of_the_features()
    {
        Tensor features = tensor(new float[] { 0, 0, 2, 4 }, [2, 2]);
        float[] with = DiscriminatorNetwork.WithDeviation(features).contiguous().data<float>().ToArray();
        Assert.Equal([0, 0, 1.5f, 2, 4, 1.5f], with.Select(v => MathF.Round(v, 4)));
    }
}
