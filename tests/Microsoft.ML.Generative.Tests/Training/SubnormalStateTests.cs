using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>State of a training that decays where gradients are 0.</summary>
public sealed class SubnormalStateTests
{
    // Decayed by 0.9 a step, 1 is subnormal after 830.
    private const int Steps = 1_000;

    public static TheoryData<OptimizerKind, double?, double> Cases()
    {
        var cases = new TheoryData<OptimizerKind, double?, double>();
        foreach (OptimizerKind optimizer in Enum.GetValues<OptimizerKind>())
        {
            cases.Add(optimizer, null, 0);
            cases.Add(optimizer, 0.9, 0);
            cases.Add(optimizer, 0.9, 1);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void No_state_of_a_training_with_dead_units_is_subnormal(OptimizerKind optimizer, double? emaDecay, double weightDecay)
    {
        using var network = new DeadInputs();
        var options = new ToyOptions { Optimizer = optimizer, EmaDecay = emaDecay, WeightDecay = weightDecay, Beta2 = 0.9 };
        using var trained = new TrainedNetwork("dead", network, options);
        using Tensor alive = randn(8, DeadInputs.Width), dead = alive.clone();
        // From the second step on, all but the last input are 0 like the border of an image.
        dead.narrow(1, 0, DeadInputs.Width - 1).zero_();
        for (int step = 1; step <= Steps; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            trained.ClearGradients();
            network.call(step == 1 ? alive : dead).square().mean().backward();
            trained.Update(0.1);
            trained.FlushAverages();
        }

        Assert.Contains(trained.State, s => s.Name.EndsWith("running_mean", StringComparison.Ordinal));
        foreach ((string name, Tensor values) in trained.State)
            AssertNormal(name, TensorMemory.ToArray<float>(values));
        AssertNormal("weights", Toys.Numbers(network));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_path_of_an_optimizer_ends_decayed_state_with_0(bool byVectors)
    {
        // Two vectors of any width and a tail.
        const int Length = 2 * 16 + 3;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor zero = zeros(Length), first = Random(), second = Random().square(), velocity = Random(), average = Random();
        Tensor weights = Random(), others = Random(), none = zeros(Length);
        for (int step = 2; step <= Steps; step++)
        {
            var adam = new AdamStep(0.1, 0.9, 0.9, 1e-8, 0, false, step);
            var sgd = new SgdStep(0.1, 0.9, 0, step);
            if (byVectors)
            {
                OptimizerKernels.Adam(weights, zero, first, second, adam);
                OptimizerKernels.Sgd(others, zero, velocity, sgd);
                OptimizerKernels.Ema(average, none, 0.9);
            }
            else
            {
                OptimizerKernels.AdamByOperations(weights, zero, first, second, adam);
                OptimizerKernels.SgdByOperations(others, zero, velocity, sgd);
                OptimizerKernels.EmaByOperations(average, none, 0.9);
            }
        }

        foreach (Tensor decayed in (Tensor[])[first, second, velocity, average])
            Assert.Equal(new float[Length], TensorMemory.ToArray<float>(decayed));

        static Tensor Random() => randn(Length).abs().AtLeast(0.1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Only_decayed_values_become_0(bool byVectors)
    {
        using DisposeScope scope = NewDisposeScope();
        float[] values =
            [1e-37f, -1e-37f, 1e-39f, -1e-39f, float.Epsilon, 0, 1, -1, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        Tensor all = tensor(values);
        if (byVectors)
            OptimizerKernels.FlushSubnormals(all);
        else
            OptimizerKernels.FlushByOperations(all, TinyValues.SmallestNormal);
        Assert.Equal([.. values.Select(v => float.IsSubnormal(v) ? 0 : v)], TensorMemory.ToArray<float>(all));
        Assert.True(float.IsNormal(TinyValues.SmallestNormal) && float.IsSubnormal(MathF.BitDecrement(TinyValues.SmallestNormal)));
    }

    private static void AssertNormal(string name, float[] values)
    {
        int count = values.Count(float.IsSubnormal);
        Assert.True(count == 0, $"{name} has {count} subnormal values of {values.Length}.");
    }

    private sealed class DeadInputs : nn.Module<Tensor, Tensor>
    {
        public const int Width = 19;

        private readonly BatchNormalization _normalization;
        private readonly nn.Module<Tensor, Tensor> _layer;
        private readonly nn.Module<Tensor, Tensor> _own;

        public DeadInputs()
            : base(nameof(DeadInputs))
        {
            (_normalization, _layer, _own) = (new BatchNormalization(Width), nn.Linear(Width, 3), nn.Linear(Width, 3));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => _layer.call(_normalization.call(x)).Plus(_own.call(x));
    }
}
