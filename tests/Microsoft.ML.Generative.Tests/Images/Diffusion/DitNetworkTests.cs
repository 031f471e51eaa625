using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

public class DiffusionTransformerNetworkTests
{
    private static DitArchitecture Tiny { get; } = new()
    {
        InChannels = 2,
        OutChannels = 3,
        Height = 4,
        Width = 6,
        PatchSize = 2,
        HiddenSize = 8,
        Layers = 2,
        Heads = 2,
        ClassCount = 3,
    };

    [Fact]
    public void It_computes_what_its_weights_say()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using DitNetwork network = UNetNetworkTests.Random(() => new DitNetwork(Tiny));
        Tensor x = randn(2, 2, 4, 6), time = tensor(new[] { 3f, 700f }), labels = tensor(new long[] { 2, 0 });
        Tensor expected = Reference(network.state_dict(), x, time, labels);
        Assert.Equal([2, 3, 4, 6], expected.shape);
        Assert.True((network.Forward(x, time, new ConditionValues(labels)) - expected).abs().max().ToDouble() < 1e-4);
    }

    [Fact]
    public void Its_size_is_known_beforehand()
    {
        TorchRuntime.EnsureLoaded();
        Shapes.AssertLikeReal(() => new DitNetwork(Tiny));
    }

    [Fact]
    public void The_papers_small_network_has_its_number_of_parameters()
    {
        // Peebles, Xie 2023, table 1: DiT-S of 33 million, here with patches of 2 pixels and the classes of ImageNet.
        DitArchitecture small = new DitArchitecture
        {
            InChannels = 4,
            OutChannels = 8,
            Height = 32,
            Width = 32,
            PatchSize = 2,
            HiddenSize = 384,
            Layers = 12,
            Heads = 6,
            ClassCount = 1001,
        };
        Assert.Equal(33, ModuleTensors.CountElements(() => new DitNetwork(small)) / 1e6, 0.5);
    }

    [Fact]
    public void A_new_network_begins_with_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        using DitNetwork network = new DitNetwork(Tiny);
        Assert.Equal(
            0, network.Forward(randn(1, 2, 4, 6), zeros(1), new ConditionValues(zeros(1, ScalarType.Int64))).abs().max().ToDouble());
    }

    // Figure 3, patch by patch.
    private static Tensor Reference(Dictionary<string, Tensor> w, Tensor x, Tensor time, Tensor labels)
    {
        Tensor Linear(Tensor v, string name) => v.matmul(w[$"{name}.weight"].t()) + w[$"{name}.bias"];
        static Tensor Angles(Tensor t, int size) =>
            t.unsqueeze(1) * exp(arange(size / 2, ScalarType.Float32) * (-Math.Log(10_000) / (size / 2)));
        static Tensor Norm(Tensor v) => (v - v.mean([-1], keepdim: true)) / (v.var(-1, unbiased: false, keepdim: true) + 1e-6).sqrt();

        Tensor angles = Angles(time, 256);
        Tensor c = Linear(
            F.silu(Linear(cat([angles.cos(), angles.sin()], 1), "time.linear_1")), "time.linear_2") + w["classes.weight"][labels];
        c = F.silu(c);

        List<Tensor> tokens = [];
        for (int row = 0; row < 2; row++)
        {
            for (int column = 0; column < 3; column++)
            {
                Tensor patch = x.narrow(2, 2 * row, 2).narrow(3, 2 * column, 2).reshape(2, 8);
                Tensor a = Angles(tensor(new[] { (float)row }), 4), b = Angles(tensor(new[] { (float)column }), 4);
                tokens.Add(Linear(patch, "patches") + cat([a.sin(), a.cos(), b.sin(), b.cos()], 1));
            }
        }

        Tensor h = stack(tokens, 1);
        for (int i = 0; i < 2; i++)
        {
            Tensor[] m = Linear(c, $"blocks.{i}.modulation").unsqueeze(1).chunk(6, 2);
            Tensor qkv = Linear(Norm(h) * (1 + m[1]) + m[0], $"blocks.{i}.queriesKeysValues");
            List<Tensor> heads = [];
            for (int head = 0; head < 2; head++)
            {
                Tensor q = qkv.narrow(2, 4 * head, 4), k = qkv.narrow(2, 8 + 4 * head, 4), v = qkv.narrow(2, 16 + 4 * head, 4);
                heads.Add((q.matmul(k.transpose(1, 2)) / 2).softmax(-1).matmul(v));
            }

            h += m[2] * Linear(cat(heads, 2), $"blocks.{i}.attentionOut");
            Tensor inner = Linear(Norm(h) * (1 + m[4]) + m[3], $"blocks.{i}.feedForwardIn");
            inner = 0.5 * inner * (1 + (Math.Sqrt(2 / Math.PI) * (inner + 0.044715 * inner.pow(3))).tanh());
            h += m[5] * Linear(inner, $"blocks.{i}.feedForwardOut");
        }

        Tensor[] last = Linear(c, "modulation").unsqueeze(1).chunk(2, 2);
        h = Linear(Norm(h) * (1 + last[1]) + last[0], "head"); // [batch, patches, channels × 2 × 2]
        Tensor result = zeros(2, 3, 4, 6);
        for (int i = 0; i < 6; i++)
            result.narrow(2, 2 * (i / 3), 2).narrow(3, 2 * (i % 3), 2).copy_(h.select(1, i).view(2, 3, 2, 2));
        return result;
    }
}
