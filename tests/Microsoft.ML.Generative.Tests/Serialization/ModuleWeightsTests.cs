using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

public sealed class ModuleWeightsTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public ModuleWeightsTests() => TorchRuntime.EnsureLoaded();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Parameters_and_persistent_buffers_have_their_dotted_names()
    {
        using var network = torch.nn.Sequential(("in", torch.nn.Linear(3, 2)), ("norm", torch.nn.BatchNorm1d(2)));
        network.register_buffer("scratch", torch.zeros(1), persistent: false);

        Assert.Equal(
            ["in.bias", "in.weight", "norm.bias", "norm.num_batches_tracked", "norm.running_mean", "norm.running_var", "norm.weight"],
            ModuleWeights.Of(network).Select(t => t.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_shared_tensor_stands_once()
    {
        using var shared = torch.nn.Linear(2, 2, hasBias: false);
        using var network = torch.nn.Sequential(("a", shared), ("b", shared));
        Assert.Equal(["a.weight"], ModuleWeights.Of(network).Select(t => t.Name));
    }

    [Fact]
    public void What_was_saved_comes_back_bit_for_bit()
    {
        using Sequential saved = Network(3, 4);
        using Sequential loaded = Network(3, 4);
        ModuleWeights.Load(loaded, Saved(saved));

        foreach (var ((_, expected), (_, found)) in ModuleWeights.Of(saved).Zip(ModuleWeights.Of(loaded)))
            Assert.Equal(expected.bytes.ToArray(), found.bytes.ToArray());
    }

    [Fact]
    public void Views_of_a_flat_buffer_are_filled_and_stay_views()
    {
        using Sequential saved = Network(1, 2);
        torch.Tensor flat = torch.zeros(4);
        using var network = torch.nn.Sequential(("fc", torch.nn.Linear(1, 2)));
        var layer = (Linear)network[0];
        layer.weight = new Parameter(flat.narrow(0, 0, 2).view(2, 1));
        layer.bias = new Parameter(flat.narrow(0, 2, 2));

        ModuleWeights.Load(network, Saved(saved));

        var original = (Linear)saved[0];
        Assert.Equal(
            [.. original.weight!.detach().view(-1).data<float>(), .. original.bias!.detach().data<float>()], flat.data<float>().ToArray());
        Assert.True(layer.weight.requires_grad);
    }

    [Fact]
    public void Tensors_that_are_missing_unexpected_or_misshapen_are_all_listed_and_nothing_is_copied()
    {
        using var network = torch.nn.Sequential(("fc", torch.nn.Linear(3, 4)), ("more", torch.nn.Linear(1, 1)));
        (string, torch.Tensor)[] file =
        [
            ("fc.weight", torch.ones(4, 2)), ("fc.bias", torch.ones(4, torch.float64)),
            ("more.weight", torch.full([1, 1], 123f)), ("extra", torch.ones(1)),
        ];

        var error = Assert.Throws<InvalidDataException>(() => ModuleWeights.Load(network, Saved(file)));

        Assert.Contains("'file'", error.Message);
        Assert.Contains("1 missing: more.bias", error.Message);
        Assert.Contains("1 unexpected: 'extra'", error.Message);
        Assert.Contains("2 of another type or shape", error.Message);
        Assert.Contains("'fc.weight' (found F32 [4, 2], expected F32 [4, 3])", error.Message);
        Assert.Contains("'fc.bias' (found F64 [4], expected F32 [4])", error.Message);
        Assert.NotEqual(123f, ((Linear)network[1]).weight!.item<float>());
    }

    [Fact]
    public void Long_lists_are_cut_and_counted()
    {
        using var network = torch.nn.Sequential(("fc", torch.nn.Linear(1, 1)));
        var error = Assert.Throws<InvalidDataException>(() =>
            ModuleWeights.Load(network, Saved([.. Enumerable.Range(0, 500).Select(i => ($"n{i:D3}", torch.ones(1)))])));
        Assert.Contains("500 unexpected", error.Message);
        Assert.Contains("'n009', …", error.Message);
        Assert.DoesNotContain("n010", error.Message);
    }

    [Fact]
    public void Tensors_under_the_names_of_older_versions_come_back()
    {
        using Sequential saved = Blocks(), loaded = Blocks();
        (string Name, torch.Tensor Tensor)[] tensors = [.. ModuleWeights.Of(saved)];
        ModuleWeights.Load(loaded, Saved([.. tensors.Select(t => (t.Name.Replace("feedForward", "perceptron"), t.Tensor))]));
        Assert.All(tensors.Zip(ModuleWeights.Of(loaded)), pair =>
            Assert.Equal(pair.First.Tensor.bytes.ToArray(), pair.Second.Tensor.bytes.ToArray()));

        // Not beside the present name, and not where no module states them.
        (string, torch.Tensor)[] both = [.. tensors, ("in.perceptronOut.bias", torch.ones(4)), ("perceptronOut.bias", torch.ones(4))];
        Assert.Contains(
            "2 unexpected: 'in.perceptronOut.bias', 'perceptronOut.bias'",
            Assert.Throws<InvalidDataException>(() => ModuleWeights.Load(loaded, Saved(both))).Message);

        static Sequential Blocks() => torch.nn.Sequential(("in", (torch.nn.Module<torch.Tensor, torch.Tensor>)new Wrapped()));
    }

    private sealed class Wrapped : torch.nn.Module<torch.Tensor, torch.Tensor>, IFormerNames
    {
        private readonly Linear feedForwardOut = torch.nn.Linear(3, 4);

        public Wrapped()
            : base(nameof(Wrapped)) => RegisterComponents();

        public IReadOnlyDictionary<string, string> FormerNames { get; } =
            new Dictionary<string, string> { ["perceptronOut"] = nameof(feedForwardOut) };

        public override torch.Tensor forward(torch.Tensor input) => feedForwardOut.call(input);
    }

    private static Sequential Network(int inputs, int outputs) => torch.nn.Sequential(("fc", torch.nn.Linear(inputs, outputs)));

    private static SafetensorsStream Saved(torch.nn.Module module) => Saved([.. ModuleWeights.Of(module)]);

    private static SafetensorsStream Saved((string, torch.Tensor)[] tensors)
    {
        var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, tensors);
        stream.Position = 0;
        return new SafetensorsStream(stream, "file");
    }
}
