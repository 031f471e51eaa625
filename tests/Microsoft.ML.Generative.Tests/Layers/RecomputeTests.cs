using Microsoft.ML.Generative.Layers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class RecomputeTests
{
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Value_and_gradients_are_those_without_it(bool inBFloat16, bool inputNeedsGradient)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable precision = MixedPrecision.Scope(inBFloat16 ? torch.ScalarType.BFloat16 : null);
        using var first = new Linear(5, 8);
        using var second = new Linear(8, 3);
        using var generator = new torch.Generator(8);
        using IDisposable dropout = SeededDropout.Scope(generator);
        torch.Tensor x = torch.randn([6, 5], requires_grad: inputNeedsGradient);

        (float[] Value, float[] Gradients, int Calls) Run(bool recompute)
        {
            generator.manual_seed(8);
            first.zero_grad();
            second.zero_grad();
            x.grad = null;
            int calls = 0;
            torch.Tensor Segment(torch.Tensor input)
            {
                calls++;
                return second.call(SeededDropout.Apply(first.call(input).tanh(), 0.4, isTraining: true));
            }

            torch.Tensor y = recompute ? Recompute.Call(Segment, x) : Segment(x);

            // What is drawn between the passes must neither change nor be changed.
            torch.Tensor noise = torch.rand(3, generator: generator);
            y.AsFloat32().square().sum().backward();
            torch.Tensor later = torch.rand(3, generator: generator);
            IEnumerable<float> gradients = first.parameters().Concat(second.parameters()).SelectMany(p => p.grad!.data<float>().ToArray());
            if (inputNeedsGradient)
                gradients = gradients.Concat(x.grad!.data<float>().ToArray());
            return (
                [.. y.AsFloat32().detach().data<float>().ToArray(), .. noise.data<float>().ToArray(), .. later.data<float>().ToArray()],
                [.. gradients], calls);
        }

        var plain = Run(recompute: false);
        var again = Run(recompute: true);
        Assert.Equal(plain.Value, again.Value);
        Assert.Equal(plain.Gradients, again.Gradients);
        Assert.Equal((1, 2), (plain.Calls, again.Calls));
    }

    [Fact]
    public void Outside_of_trainings_the_backward_pass_has_the_noise_of_the_forward_pass_too_and_moves_no_other()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor x = torch.ones([1000], requires_grad: true);
        torch.Tensor y = Recompute.Call(input => SeededDropout.Apply(input, 0.5, isTraining: true), x);
        torch.Tensor before = torch.random.get_rng_state();
        y.sum().backward();

        Assert.Equal(y.detach().data<float>().ToArray(), x.grad!.data<float>().ToArray());
        Assert.InRange(y.sum().item<float>(), 800, 1200);
        Assert.Equal(before.bytes.ToArray(), torch.random.get_rng_state().bytes.ToArray());
    }

    [Fact]
    public void Without_gradients_it_is_the_segment_alone()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        torch.Tensor y = Recompute.Call(x => x * 2, torch.ones(2));
        Assert.Equal(4, y.sum().item<float>());
    }

    [Fact]
    public void Many_steps_leave_no_tensor_behind()
    {
        using TorchSharp.Modules.Sequential network = torch.nn.Sequential(new Linear(5, 8), torch.nn.Tanh(), new Linear(8, 3));
        void Step()
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Recompute.Call(network.call, torch.randn([6, 5], requires_grad: true)).sum().backward();
        }

        Assert.InRange(TensorCounts.Growth(Step, times: 300), long.MinValue, 20);
    }
}
