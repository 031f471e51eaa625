using Microsoft.ML.Generative.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The library's own operations hold as little as libtorch's do.</summary>
public sealed class GradientFunctionTests
{
    private const int Channels = 16;

    [Fact]
    public void A_call_leaves_its_result_alone_in_the_caller_s_scope()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Images();
        int before = scope.DisposablesCount;
        Tensor y = Double.Call(x);
        Assert.Equal(before + 1, scope.DisposablesCount);
        Assert.True(y.requires_grad);
    }

    // Else all gradients of a step, each of an image's size, are there at once.
    [Fact]
    public void Gradients_do_not_outlive_the_next_operation()
    {
        Assert.Equal(Left(layers: 2), Left(layers: 12));

        static int Left(int layers)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor x = Images(), weight = randn(Channels, Channels, 3, 3, requires_grad: true);
            Tensor gains = ones(1, Channels, requires_grad: true), shifts = zeros(1, Channels, requires_grad: true);
            Tensor y = x;
            for (int i = 0; i < layers; i++)
            {
                y = NormalizedActivation.Apply(new(y, gains, shifts), new(4, 1e-5, HasSilu: true));
                if (TiledConvolution.CanUse(y, weight))
                    y = TiledConvolution.Apply(y, weight, null);
                y = Double.Call(y);
            }

            Tensor loss = y.sum();
            int before = scope.DisposablesCount;
            loss.backward();
            return scope.DisposablesCount - before;
        }
    }

    [Fact]
    public void A_result_from_which_nothing_follows_has_no_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Images(), other = Images();
        // The gradient of the inner result is undefined: what it goes into is constant for libtorch.
        Tensor y = Nothing.Call(Double.Call(x)) + other;
        y.sum().backward();
        Assert.True(x.grad is null || x.grad.IsInvalid || x.grad.abs().sum().ToSingle() == 0);
        Assert.Equal(other.numel(), other.grad!.sum().ToSingle());
    }

    // The second derivative passes the same nodes twice.
    [Fact]
    public void Gradients_of_gradients_pass_the_same_operations_again()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Images();
        Tensor y = Double.Call(x).square().sum();
        Tensor first = autograd.grad([y], [x], create_graph: true, retain_graph: true)[0];
        (first.square().sum() + y).backward();
        // y = 4x², y' = 8x, (64x² + 4x²)' = 136x
        Assert.Equal(136 * x.sum().ToSingle(), x.grad!.sum().ToSingle(), 0.05f * 136);
    }

    private static Tensor Images()
    {
        using var generator = new Generator(1);
        return randn([2, Channels, 8, 8], generator: generator).requires_grad_(true);
    }

    private sealed class Double : GradientFunction<Double>
    {
        public override string Name => nameof(Double);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars) => ((Tensor)vars[0]).mul(2);

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient) => [gradient.mul(2)];
    }

    private sealed class Nothing : GradientFunction<Nothing>
    {
        public override string Name => nameof(Nothing);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars) => zeros_like((Tensor)vars[0]);

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient) => [null!];
    }
}
