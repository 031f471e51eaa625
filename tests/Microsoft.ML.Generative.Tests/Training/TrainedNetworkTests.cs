using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

public sealed class TrainedNetworkTests
{
    [Fact]
    public void Flattening_changes_no_value_and_no_output()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Sequential model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2));
        torch.Tensor x = torch.randn(4, 3);
        float[] weights = Toys.Numbers(model), output = model.call(x).data<float>().ToArray();

        using var network = new TrainedNetwork("n", model, new ToyOptions());
        Assert.Equal(3 * 5 + 5 + 5 * 2 + 2, network.ParameterCount);
        Assert.Equal(weights, Toys.Numbers(model));
        Assert.Equal(output, model.call(x).data<float>().ToArray());
    }

    [Fact]
    public void Backward_fills_the_buffer_that_the_step_reads()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear model = torch.nn.Linear(2, 1);
        float[] before = Toys.Numbers(model);
        using var network = new TrainedNetwork("n", model, new ToyOptions { Optimizer = OptimizerKind.Sgd, Momentum = 0 });

        // d/dw of the sum of w·x + b is x, d/db is 1; two calls add up.
        torch.Tensor x = torch.tensor(new float[] { 3, -4 }).view(1, 2);
        network.ClearGradients();
        model.call(x).sum().backward();
        model.call(x).sum().backward();
        network.Update(0.5);
        Assert.Equal([before[0] - 3, before[1] + 4, before[2] - 1], Toys.Numbers(model));

        network.ClearGradients();
        network.Update(0.5);
        Assert.Equal([before[0] - 3, before[1] + 4, before[2] - 1], Toys.Numbers(model));
        Assert.Equal(2, network.Steps);
    }

    [Fact]
    public void Clipping_scales_the_whole_gradient_down_to_the_norm_and_never_up()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear model = torch.nn.Linear(2, 1);
        using var network = new TrainedNetwork("n", model, new ToyOptions { Optimizer = OptimizerKind.Sgd, Momentum = 0 });
        float[] before = Toys.Numbers(model);

        // The gradient is (2, 2, 1): norm 3.
        model.call(torch.full(1, 2, 2f)).sum().backward();
        var reads = new TensorReads(areDeferred: false);
        List<double> norms = [];
        network.ClipGradients(100, reads, norms.Add);
        network.ClipGradients(0.3, reads, norms.Add);
        Assert.Equal([3, 3], norms.Select(n => Math.Round(n, 6)));
        network.Update(1);
        float[] after = Toys.Numbers(model);
        Assert.Equal(0.2, before[0] - after[0], 1e-5);
        Assert.Equal(0.2, before[1] - after[1], 1e-5);
        Assert.Equal(0.1, before[2] - after[2], 1e-5);
    }

    [Fact]
    public void Weight_decay_shrinks_matrices_and_leaves_vectors()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Sequential model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.LayerNorm(5), torch.nn.Conv1d(1, 2, 3));
        float[][] before = [.. model.parameters().Select(p => p.detach().clone().data<float>().ToArray())];
        bool[] isMatrix = [.. model.parameters().Select(p => p.dim() >= 2)];
        using var network = new TrainedNetwork("n", model, new ToyOptions { Optimizer = OptimizerKind.AdamW, WeightDecay = 0.5 });
        network.Update(0.1);

        float[][] after = [.. model.parameters().Select(p => p.detach().clone().data<float>().ToArray())];
        Assert.Equal([true, false, false, false, true, false], isMatrix);
        for (int i = 0; i < before.Length; i++)
        {
            for (int j = 0; j < before[i].Length; j++)
                Assert.Equal(before[i][j] * (isMatrix[i] ? 0.95 : 1), after[i][j], 1e-6);
        }
    }

    [Fact]
    public void A_parameter_that_two_layers_share_is_there_once()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear first = torch.nn.Linear(2, 2, hasBias: false), second = torch.nn.Linear(2, 2, hasBias: false);
        second.weight = first.weight;
        using var model = new Pair(first, second);
        using var network = new TrainedNetwork("n", model, new ToyOptions { Optimizer = OptimizerKind.Sgd, Momentum = 0 });
        Assert.Equal(4, network.ParameterCount);

        // f(x) = W W x with W = identity and x = (1, 0): the gradient of the sum has both paths, (1 1)ᵀ xᵀ twice.
        using (torch.no_grad())
            first.weight!.copy_(torch.eye(2));
        model.call(torch.tensor(new float[] { 1, 0 }).view(1, 2)).sum().backward();
        network.Update(0.25);
        Assert.Equal([0.5f, 0, -0.5f, 1], Toys.Numbers(first));
        Assert.Equal(Toys.Numbers(first), Toys.Numbers(second));
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd, null, "weights,moment1")]
    [InlineData(OptimizerKind.Adam, 0.9, "weights,moment1,moment2,average")]
    public void The_state_is_named_flat_buffers(OptimizerKind optimizer, double? ema, string names)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear model = torch.nn.Linear(2, 3);
        using var network = new TrainedNetwork("n", model, new ToyOptions { Optimizer = optimizer, EmaDecay = ema });
        Assert.Equal(names, string.Join(',', network.State.Select(s => s.Name)));
        Assert.All(network.State, s => Assert.Equal(9, s.Values.numel()));
        Assert.Equal(Toys.Numbers(model), network.State.First().Values.data<float>().ToArray());
    }

    [Fact]
    public void A_network_without_trainable_parameters_is_refused()
    {
        using Linear model = torch.nn.Linear(2, 1);
        foreach (Parameter parameter in model.parameters())
            parameter.requires_grad = false;
        Assert.Contains("'frozen' has no parameters", Assert.Throws<ArgumentException>(() =>
            new TrainedNetwork("frozen", model, new ToyOptions())).Message);
    }

    [Fact]
    public void Parameters_of_another_type_are_refused()
    {
        using Linear model = torch.nn.Linear(2, 1, dtype: torch.float64);
        Assert.Contains("Float64", Assert.Throws<ArgumentException>(() => new TrainedNetwork("n", model, new ToyOptions())).Message);
    }

    [Fact]
    public void The_module_works_after_the_training_buffers_are_gone()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear model = torch.nn.Linear(2, 1);
        float[] before = Toys.Numbers(model);
        new TrainedNetwork("n", model, new ToyOptions { EmaDecay = 0.9, WeightDecay = 1 }).Dispose();
        Assert.Equal(before, Toys.Numbers(model));
        Assert.All(model.parameters(), p => Assert.Null(p.grad));
    }

    private sealed class Pair : torch.nn.Module<torch.Tensor, torch.Tensor>
    {
        private readonly Linear _first;
        private readonly Linear _second;

        public Pair(Linear first, Linear second)
            : base(nameof(Pair))
        {
            _first = first;
            _second = second;
            RegisterComponents();
        }

        public override torch.Tensor forward(torch.Tensor input) => _second.call(_first.call(input));
    }
}
