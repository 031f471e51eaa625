using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Halves of transformer blocks as one operation, against libtorch in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class ResidualBranchTests
{
    private const double Epsilon = 1e-5;

    [Avx512Theory]
    [InlineData(FeedForwardKind.Gelu, NormalizationKind.LayerNorm, true, 64)]
    [InlineData(FeedForwardKind.Gelu, NormalizationKind.LayerNorm, false, 1)]
    [InlineData(FeedForwardKind.GeluTanh, NormalizationKind.LayerNorm, true, 37)]
    [InlineData(FeedForwardKind.Relu, NormalizationKind.RmsNorm, false, 70)]
    [InlineData(FeedForwardKind.SwiGlu, NormalizationKind.RmsNorm, false, 100)]
    [InlineData(FeedForwardKind.GeGlu, NormalizationKind.RmsNorm, true, 33)]
    [InlineData(FeedForwardKind.GeGluTanh, NormalizationKind.LayerNorm, true, 8)]
    public void Feed_forward_values_and_gradients_are_those_of_libtorch(
        FeedForwardKind kind, NormalizationKind norm, bool hasBias, int rows)
    {
        const int width = 48, hidden = 80;
        using Layers layers = new(norm, width, kind.IsGated() ? 2 * hidden : hidden, hidden, hasBias);
        AssertSame(layers, layers.FeedForward(kind), [1, rows, width], values => Activate(kind, values));
    }

    [Avx512Theory]
    [InlineData(true, 21, 2)]
    [InlineData(false, 21, 2)]
    [InlineData(true, 30, 1)]
    [InlineData(true, 64, 3)]
    [InlineData(false, 1, 1)]
    public void Attention_values_and_gradients_are_those_of_libtorch(bool isCausal, int time, int heads)
    {
        int width = 16 * heads;
        using Layers layers = new(NormalizationKind.LayerNorm, width, 3 * width, width, hasBias: true);
        AssertSame(
            layers, layers.Attention(heads, isCausal), [3, time, width], values => Attend(values, heads, isCausal));
    }

    // More summands than are added up at once, and rows that no block is filled with.
    [Avx512Fact]
    public void Wide_layers_are_added_up_in_parts()
    {
        using Layers layers = new(NormalizationKind.LayerNorm, 528, 1040, 1040, hasBias: true);
        AssertSame(
            layers, layers.FeedForward(FeedForwardKind.Gelu), [1, 35, 528], values => Activate(FeedForwardKind.Gelu, values));
    }

    [Avx512Fact]
    public void A_value_depends_on_neither_threads_nor_other_rows()
    {
        using DisposeScope scope = NewDisposeScope();
        using Layers layers = new(NormalizationKind.LayerNorm, 32, 96, 32, hasBias: true);
        using Layers others = new(NormalizationKind.LayerNorm, 32, 64, 64, hasBias: true);
        ResidualBranch attention = layers.Attention(2, isCausal: true);
        ResidualBranch feedForward = others.FeedForward(FeedForwardKind.Gelu);
        Tensor x = randn(7, 50, 32);
        (Tensor values, Tensor[] gradients) = Run(x, 1);
        foreach (int threads in (int[])[2, 3, 5])
        {
            (Tensor again, Tensor[] gradientsAgain) = Run(x, threads);
            ConvolutionChecks.AssertEqual(values, again);
            Assert.All(gradients.Zip(gradientsAgain), pair => ConvolutionChecks.AssertEqual(pair.First, pair.Second));
        }

        ConvolutionChecks.AssertEqual(values.narrow(0, 3, 2), Run(x.narrow(0, 3, 2), 2).Values);

        (Tensor Values, Tensor[] Gradients) Run(Tensor input, int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor found = feedForward.Apply(attention.Apply(input));
            return (found.detach(), [.. autograd.grad([found.square().sum()], [.. layers.Learned, .. others.Learned])]);
        }
    }

    [Avx512Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Only_what_is_learned_has_a_gradient(int learned)
    {
        using DisposeScope scope = NewDisposeScope();
        using Layers layers = new(NormalizationKind.LayerNorm, 32, 48, 48, hasBias: true);
        Tensor x = randn(1, 70, 32);
        ResidualBranch branch = layers.FeedForward(FeedForwardKind.Relu);
        Tensor expected = autograd.grad([branch.Apply(x).square().sum()], [layers.Learned[learned]])[0];
        for (int i = 0; i < layers.Learned.Length; i++)
            layers.Learned[i].requires_grad_(i == learned);
        branch.Apply(x).square().sum().backward();
        ConvolutionChecks.AssertEqual(expected, layers.Learned[learned].grad!);
        Assert.All(layers.Learned.Where((_, i) => i != learned), tensor => Assert.Null(tensor.grad));
    }

    [Avx512Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_of_gradients_are_those_of_libtorch(bool attends)
    {
        using DisposeScope scope = NewDisposeScope();
        using Layers layers = new(NormalizationKind.LayerNorm, 32, attends ? 96 : 64, attends ? 32 : 64, hasBias: true);
        ResidualBranch branch = attends
            ? layers.Attention(2, isCausal: true)
            : layers.FeedForward(FeedForwardKind.Gelu);
        Tensor x = randn(2, 9, 32).requires_grad_(true);
        Tensor[] tensors = [x, .. layers.Learned], doubles = Doubles(tensors);
        Tensor[] found = Penalty(tensors, branch.Apply(x));
        Tensor[] expected = Penalty(
            doubles, layers.Expected(doubles, v => attends ? Attend(v, 2, isCausal: true) : Activate(FeedForwardKind.Gelu, v)));
        Assert.All(expected.Zip(found), pair => AssertClose(pair.First, pair.Second, 1e-4));

        static Tensor[] Penalty(Tensor[] tensors, Tensor output)
        {
            Tensor[] gradients = [.. autograd.grad([output.pow(2).mean()], tensors[..4], create_graph: true, retain_graph: true)];
            return [.. autograd.grad([gradients.Aggregate(zeros(1, output.dtype), (sum, g) => sum + g.square().sum()).sum()], tensors)];
        }
    }

    [Avx512Fact]
    public void What_it_cannot_compute_is_left_to_the_layers()
    {
        using DisposeScope scope = NewDisposeScope();
        using Layers layers = new(NormalizationKind.LayerNorm, 32, 96, 32, hasBias: true);
        ResidualBranch attention = layers.Attention(2, isCausal: false), feedForward = layers.FeedForward(FeedForwardKind.Gelu);
        Tensor x = randn(2, 40, 32);
        Assert.True(attention.CanUse(x));
        Assert.False(layers.Attention(4, isCausal: false).CanUse(x));
        Assert.False(attention.CanUse(randn(1, (int)ShortAttention.LongestTime + 1, 32)));
        Assert.True(feedForward.CanUse(randn(1, (int)ShortAttention.LongestTime + 1, 32)));
        Assert.False(attention.CanUse(x.to(bfloat16)));
        using (no_grad())
            Assert.False(attention.CanUse(x));
        using (MixedPrecision.Scope(bfloat16))
            Assert.False(attention.CanUse(x));
        Assert.Equal(MatrixProduct.IsFast, attention.IsFast(x));
        Assert.False(attention.IsFast(randn(1, 8, 32)));
        layers.Second.Attach(new LoraAdapter([32, 32], rank: 2, scale: 1));
        Assert.False(attention.CanUse(x));
    }

    private static void AssertSame(Layers layers, ResidualBranch branch, long[] shape, Func<Tensor, Tensor> middle)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (int threads in (int[])[1, 2, 3])
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor x = randn(shape).requires_grad_(true), direction = randn(shape);
            Tensor[] tensors = [x, .. layers.Learned], doubles = Doubles(tensors);
            Assert.True(branch.CanUse(x));
            Tensor found = branch.Apply(x), expected = layers.Expected(doubles, middle);
            AssertClose(expected, found, 1e-5);
            Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
            Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], tensors)];
            Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second, 1e-5));
        }
    }

    private static Tensor[] Doubles(Tensor[] tensors) =>
        [.. tensors.Select(t => t.detach().to(float64).requires_grad_(true))];

    private static Tensor Activate(FeedForwardKind kind, Tensor x)
    {
        Tensor[] parts = kind.IsGated() ? x.chunk(2, -1) : [x];
        Tensor values = kind switch
        {
            FeedForwardKind.Gelu or FeedForwardKind.GeGlu => F.gelu(parts[0], GELU.Approximate.none),
            FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh => F.gelu(parts[0], GELU.Approximate.tanh),
            FeedForwardKind.SwiGlu => F.silu(parts[0]),
            _ => F.relu(parts[0]),
        };
        return parts.Length == 1 ? values : values * parts[1];
    }

    private static Tensor Attend(Tensor all, int heads, bool isCausal)
    {
        Tensor[] parts = all.view(all.size(0), all.size(1), 3 * heads, -1).transpose(1, 2).chunk(3, 1); // [batch, heads, time, size] each
        Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) / Math.Sqrt(parts[0].size(-1)); // [batch, heads, time, time]
        if (isCausal)
            scores = scores.masked_fill(ones_like(scores, @bool).triu(1), double.NegativeInfinity);
        return scores.softmax(-1).matmul(parts[2]).transpose(1, 2).flatten(2); // [batch, time, heads · size]
    }

    // Beside numbers of about the size of the largest.
    private static void AssertClose(Tensor expected, Tensor found, double tolerance)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= tolerance * size + 1e-6, $"{error} beside {size}");
    }

    private sealed class Layers : IDisposable
    {
        private readonly Normalization _norm;
        private readonly Linear _first;
        private readonly bool _hasBias;

        public Layers(NormalizationKind kind, int width, int projected, int hidden, bool hasBias)
        {
            _hasBias = hasBias;
            _norm = new Normalization(kind, width, Epsilon, HasNormBias(kind));
            _first = new Linear(width, projected, hasBias);
            Second = new Linear(hidden, width, hasBias);
            using IDisposable noGradient = no_grad();
            nn.init.uniform_(_norm.Gain, 0.5, 1.5);
            if (_norm.Bias is { } bias)
                nn.init.normal_(bias);
        }

        public Linear Second { get; }

        public Tensor[] Learned =>
        [
            .. new[] { _norm.Gain, _first.Weight.Plain!, Second.Weight.Plain!, _norm.Bias, _first.Bias, Second.Bias }.OfType<Tensor>(),
        ];

        public ResidualBranch FeedForward(FeedForwardKind kind) => new(_norm, _first, Second) { Activation = kind };

        public ResidualBranch Attention(int heads, bool isCausal) => new(_norm, _first, Second) { Heads = heads, IsCausal = isCausal };

        /// <summary>The branch of the input and of tensors as <see cref="Learned"/>.</summary>
        public Tensor Expected(Tensor[] all, Func<Tensor, Tensor> middle)
        {
            var biases = new Queue<Tensor>(all[4..]);
            bool isCentred = _norm.Kind == NormalizationKind.LayerNorm;
            Tensor centred = isCentred ? all[0] - all[0].mean([-1], keepdim: true) : all[0];
            Tensor normal = centred * (centred.square().mean([-1], keepdim: true) + Epsilon).rsqrt() * all[1];
            if (HasNormBias(_norm.Kind))
                normal += biases.Dequeue();
            Tensor values = middle(F.linear(normal, all[2], _hasBias ? biases.Dequeue() : null));
            return all[0] + F.linear(values, all[3], _hasBias ? biases.Dequeue() : null);
        }

        public void Dispose()
        {
            _norm.Dispose();
            _first.Dispose();
            Second.Dispose();
        }

        private bool HasNormBias(NormalizationKind kind) => _hasBias && kind == NormalizationKind.LayerNorm;
    }
}
