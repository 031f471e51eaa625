using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class UNetNetworkTests
{
    private const UNetBlockKind Plain = UNetBlockKind.Plain;
    private const UNetBlockKind Attention = UNetBlockKind.Attention;

    internal static UNetArchitecture Tiny { get; } = new()
    {
        InChannels = 2,
        OutChannels = 2,
        BlockOutChannels = [4, 8, 12],
        DownBlocks = [Plain, Attention, Plain],
        UpBlocks = [Attention, Plain, Attention],
        LayersPerBlock = 1,
        NormGroups = 2,
        AttentionHeadSize = 4,
    };

    public static TheoryData<string> Forms => [.. _forms.Keys];

    internal static IReadOnlyDictionary<string, UNetArchitecture> FormsByName => _forms;

    private static readonly Dictionary<string, UNetArchitecture> _forms = new()
    {
        ["plain"] = Tiny,
        ["two layers, one head"] = Tiny with { LayersPerBlock = 2, AttentionHeadSize = null },
        ["without a middle"] = Tiny with { HasMidBlock = false },
        ["without attention in the middle"] = Tiny with { HasMidAttention = false },
        ["scale and shift"] = Tiny with { ScalesAndShifts = true },
        ["scale and shift with groups in the middle"] = Tiny with { ScalesAndShifts = true, MidAttentionNormGroups = 3 },
        ["resampling by residual blocks"] = Tiny with
        {
            DownBlocks = [UNetBlockKind.Resampling, Attention, Plain],
            UpBlocks = [Attention, UNetBlockKind.Resampling, Plain],
            AttentionDownsamplesByResidual = true,
            AttentionUpsamplesByResidual = true,
        },
        ["padding at the end only"] = Tiny with { DownsamplePadding = 0 },
        ["learned times"] = Tiny with { LearnedTimesteps = 1000 },
        ["sines first, shifted"] = Tiny with { FlipSinToCos = false, FrequencyShift = 1 },
        ["scaled middle, centered input"] = Tiny with { MidBlockScaleFactor = 1.5, CenterInputSample = true },
        ["mish"] = Tiny with { Activation = UNetActivation.Mish },
        ["gelu"] = Tiny with { Activation = UNetActivation.Gelu },
        ["relu"] = Tiny with { Activation = UNetActivation.Relu, NormEpsilon = 1e-3 },
        ["classes"] = Tiny with { ClassCount = 3, TimeEmbeddingSize = 10 },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_form_computes_what_its_weights_say(string form)
    {
        UNetArchitecture config = _forms[form];
        config.Validate();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using UNetNetwork network = Random(() => new UNetNetwork(config));
        Tensor x = randn(3, 2, 8, 12), time = tensor(new[] { 0f, 17f, 980f });
        Tensor? labels = config.ClassCount > 0 ? tensor(new long[] { 0, 2, 1 }) : null;

        Tensor expected = new ReferenceUNet(config, network.state_dict()).Forward(x, time, labels);
        Tensor found = network.Forward(x, time, new ConditionValues(labels));
        Assert.True(
            (found - expected).abs().max().ToDouble() < 1e-4 * Math.Max(1, expected.abs().max().ToDouble()),
            $"{(found - expected).abs().max().ToDouble()}");
    }

    // From diffusers' own UNet2DModel (commit 58eb52c) with the same weights and input.
    [Theory]
    [InlineData("plain", 0.9540861, 0.0056233, 0.1326285)]
    [InlineData("mish", 1.0096271, 0.0204947, 0.1108587)]
    [InlineData("gelu", 0.8786436, 0.0064142, 0.1906372)]
    [InlineData("relu", 0.8537779, -0.0002653, 0.2704238)]
    public void Every_activation_computes_what_diffusers_computes(string form, double mean, double first, double last)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var network = new UNetNetwork(_forms[form] with { NormEpsilon = 1e-5 });
        foreach ((string name, Tensor weight) in network.state_dict())
        {
            double scale = weight.dim() > 1 ? 1 / Math.Sqrt(weight.numel() / (double)weight.size(0)) : 0.3;
            double shift = weight.dim() == 1 && name.Contains("norm", StringComparison.Ordinal)
                && name.EndsWith("weight", StringComparison.Ordinal) ? 1 : 0;
            weight.copy_(Sines(weight.numel(), 0.7, name.Length, scale, shift).view(weight.shape));
        }

        Tensor found = network.Forward(Sines(2 * 2 * 8 * 12, 0.3).view(2, 2, 8, 12), tensor(new[] { 17f, 980f }), new ConditionValues());
        Assert.Equal(mean, found.abs().mean().ToDouble(), 1e-5);
        Assert.Equal(first, found[0, 0, 0, 0].ToDouble(), 1e-4);
        Assert.Equal(last, found[1, 1, 7, 11].ToDouble(), 1e-4);

        static Tensor Sines(long count, double step, double start = 0, double scale = 1, double shift = 0) =>
            tensor([.. Enumerable.Range(0, (int)count).Select(i => (float)(scale * Math.Sin(step * i + start) + shift))]);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void The_size_of_every_form_is_known_beforehand(string form)
    {
        Shapes.AssertLikeReal(() => new UNetNetwork(_forms[form]));
    }

    [Fact]
    public void The_size_is_known_with_cross_attention()
    {
        UNetArchitecture config = Tiny with { ClassCount = 3, ContextTokens = 2 };
        Shapes.AssertLikeReal(() => new UNetNetwork(config));
    }

    [Fact]
    public void The_papers_network_for_Cifar_has_its_number_of_parameters()
    {
        // Ho et al. 2020, appendix B: 35.7 million; the published checkpoint has 35,746,307.
        UNetArchitecture config = new UNetArchitecture
        {
            InChannels = 3,
            OutChannels = 3,
            BlockOutChannels = [128, 256, 256, 256],
            DownBlocks = [Plain, Attention, Plain, Plain],
            UpBlocks = [Plain, Plain, Attention, Plain],
            AttentionHeadSize = null,
            DownsamplePadding = 0,
            NormEpsilon = 1e-6,
        };
        Assert.Equal(35_746_307, ModuleTensors.CountElements(() => new UNetNetwork(config)));
    }

    [Fact]
    public void The_papers_network_for_faces_has_its_number_of_parameters()
    {
        // Ho et al. 2020, appendix B: 114 million; the published checkpoint has 113,673,219.
        UNetArchitecture config = new UNetArchitecture
        {
            InChannels = 3,
            OutChannels = 3,
            BlockOutChannels = [128, 128, 256, 256, 512, 512],
            DownBlocks = [Plain, Plain, Plain, Plain, Attention, Plain],
            UpBlocks = [Plain, Attention, Plain, Plain, Plain, Plain],
            AttentionHeadSize = null,
        };
        Assert.Equal(113_673_219, ModuleTensors.CountElements(() => new UNetNetwork(config)));
    }

    [Fact]
    public void A_new_network_begins_with_nothing_but_its_bias()
    {
        using DisposeScope scope = NewDisposeScope();
        using var network = new UNetNetwork(Tiny);
        Tensor found = network.Forward(randn(1, 2, 8, 8), zeros(1), new ConditionValues());
        Assert.Equal(0, found.std([2, 3]).max().ToDouble(), 1e-6);
    }

    [Fact]
    public void Cross_attention_looks_at_the_class()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        UNetArchitecture config = Tiny with { ClassCount = 2, ContextTokens = 3 };
        using UNetNetwork network = Random(() => new UNetNetwork(config));
        // What is added to the time is the same for both classes: the difference comes by attention.
        network.get_parameter("class_embedding.weight")!.zero_();
        Tensor x = randn(1, 2, 8, 8);
        Tensor first = network.Forward(x, zeros(1), new ConditionValues(tensor(new long[] { 0 }))),
            second = network.Forward(x, zeros(1), new ConditionValues(tensor(new long[] { 1 })));
        Assert.True((first - second).abs().max().ToDouble() > 1e-3);
    }

    [Fact]
    public void Numbers_that_do_not_go_together_are_refused_by_name()
    {
        Assert.Contains("norm groups", Assert.ThrowsAny<ArgumentException>(() => (Tiny with { NormGroups = 3 }).Validate()).Message);
        Assert.Contains(
            "attention head", Assert.ThrowsAny<ArgumentException>(() => (Tiny with { AttentionHeadSize = 5 }).Validate()).Message);
        Assert.Contains("blocks down", Assert.ThrowsAny<ArgumentException>(() => (Tiny with { DownBlocks = [Plain] }).Validate()).Message);
        Assert.Contains("LayersPerBlock", Assert.ThrowsAny<ArgumentException>(() => (Tiny with { LayersPerBlock = 0 }).Validate()).Message);
    }

    /// <summary>A network none of whose weights are 0 or 1, as some are at first.</summary>
    internal static T Random<T>(Func<T> create)
        where T : nn.Module => TorchSeed.Initialize(1, () =>
        {
            T network = create();
            using IDisposable noGradient = no_grad();
            foreach (var (name, parameter) in network.named_parameters())
                parameter.add_(randn_like(parameter) * (parameter.dim() > 1 ? 0.1 : 0.3));
            return network;
        });
}
