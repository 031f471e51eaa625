using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class WeightedLayerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void A_weight_of_another_kind_replaces_the_dense_one()
    {
        var layer = new Linear(16, 6);
        Tensor x = randn(3, 16), expected = layer.call(x);
        layer.Weight = TestInt8Weight.Of(layer.Weight.Dense());
        Assert.Equal(["bias"], layer.named_parameters().Select(p => p.name));
        Assert.Equal(["weight", "weight_scale"], layer.named_buffers().Select(b => b.name));
        Assert.Null(layer.Weight.Plain);
        Tensor found = layer.call(x);
        Assert.InRange((found - expected).abs().max().ToDouble(), 1e-6, 0.05);
        Assert.True(found.allclose(x.mm(layer.Weight.Dense().t()) + layer.Bias!, 1e-4, 1e-5));

        using IDisposable precision = MixedPrecision.Scope(ScalarType.BFloat16);
        Assert.Equal(ScalarType.BFloat16, layer.call(x).dtype);
        Assert.Contains(
            "[6, 15]; expected [6, 16]", Assert.Throws<ArgumentException>(() => layer.Weight = new Linear(15, 6).Weight).Message);
    }

    [Fact]
    public void A_convolution_computes_with_a_weight_of_another_kind()
    {
        var layer = new Conv2d(3, 4, 3, padding: 1);
        Tensor x = randn(2, 3, 5, 5);
        layer.Weight = new DenseWeight(nn.Parameter(layer.Weight.Dense().detach() * 2));
        Tensor doubled = layer.call(x) - layer.Bias!.view(1, -1, 1, 1);
        layer.Weight = new DenseWeight(nn.Parameter(layer.Weight.Dense().detach() / 2));
        Assert.True(doubled.allclose(2 * (layer.call(x) - layer.Bias!.view(1, -1, 1, 1)), 1e-4, 1e-5));
    }

    [Fact]
    public void A_layer_that_is_converted_computes_with_its_new_tensors()
    {
        foreach (bool isInt8 in (bool[])[false, true])
        {
            var layer = new Linear(4, 3);
            if (isInt8)
                layer.Weight = TestInt8Weight.Of(layer.Weight.Dense());
            layer.Attach(new TestAdapter(4, 3));
            layer.to(ScalarType.Float64);
            Assert.Equal(ScalarType.Float64, layer.Bias!.dtype);
            Assert.Equal(ScalarType.Float64, layer.Weight.Dense().dtype);
            layer.to(ScalarType.Float32);
            Assert.Equal([2, 3], layer.call(randn(2, 4)).shape);
        }
    }

    [Fact]
    public void An_adapter_changes_the_output_until_it_is_merged_into_the_weight()
    {
        var layer = new Linear(5, 4);
        Tensor x = randn(3, 5), plain = layer.call(x);
        var adapter = new TestAdapter(5, 4);
        layer.Attach(adapter);
        Tensor adapted = layer.call(x);
        Assert.True(layer.HasAdapter);
        Assert.False(adapted.allclose(plain, 1e-3, 1e-3));
        Assert.Equal(["weight", "bias", "adapter.up", "adapter.down.weight"], layer.named_parameters().Select(p => p.name));
        Assert.Throws<InvalidOperationException>(() => layer.Attach(adapter));

        layer.MergeAdapters();
        Assert.False(layer.HasAdapter);
        Assert.Equal(["weight", "bias"], layer.named_parameters().Select(p => p.name));
        Assert.True(layer.call(x).allclose(adapted, 1e-4, 1e-5));
    }

    [Fact]
    public void An_adapter_can_sit_on_one_part_of_a_fused_layer()
    {
        var layer = new Linear(8, LayerPart.QueryKeyValue(heads: 4, keyValueHeads: 2, headSize: 3));
        Assert.Equal(
            [("query", 0, 12, 3), ("key", 12, 6, 3), ("value", 18, 6, 3)],
            layer.Parts.Select(p => (p.Name, p.Start, p.Outputs, p.HeadSize!.Value)));
        Tensor x = randn(2, 7, 8), plain = layer.call(x);
        layer.Attach(new TestAdapter(8, 6), LayerPart.Value);
        layer.Attach(new TestAdapter(8, 12), LayerPart.Query);
        Tensor adapted = layer.call(x);
        Tensor difference = (adapted - plain).abs().amax([0, 1]); // [outputs]
        Assert.All(layer.Parts, part =>
            Assert.Equal(part.Name == LayerPart.Key, difference.narrow(0, part.Start, part.Outputs).max().ToDouble() == 0));
        Assert.Contains("queryAdapter.up", layer.named_parameters().Select(p => p.name));
        Assert.Throws<InvalidOperationException>(() => layer.Attach(new TestAdapter(8, 6), LayerPart.Value));
        Assert.Throws<InvalidOperationException>(() => layer.Attach(new TestAdapter(8, 24)));
        Assert.Contains(
            "query, key, value", Assert.Throws<ArgumentException>(() => layer.Attach(new TestAdapter(8, 6), LayerPart.Up)).Message);

        layer.MergeAdapters();
        Assert.False(layer.HasAdapter);
        Assert.True(layer.call(x).allclose(adapted, 1e-4, 1e-5));
        Assert.Equal(["weight", "bias"], layer.named_parameters().Select(p => p.name));
    }

    [Fact]
    public void An_adapter_is_not_merged_into_a_weight_that_cannot_be_changed()
    {
        var layer = new Linear(5, 4);
        layer.Weight = TestInt8Weight.Of(layer.Weight.Dense());
        layer.Attach(new TestAdapter(5, 4));
        Assert.Contains("int8", Assert.Throws<NotSupportedException>(layer.MergeAdapters).Message);
    }

    [Fact]
    public void Who_reads_plain_layers_is_told_the_name_of_one_that_is_more()
    {
        nn.Module<Tensor, Tensor> Network(Linear second) => nn.Sequential(new Linear(3, 3), nn.ReLU(), second);
        var layer = new Linear(3, 3);
        var layers = new PlainLayers(Network(layer), "the test reads");
        Assert.Null(layers.FindObstacle());
        Assert.Same(layer.Weight.Dense(), layers.WeightOf(layer));
        layer.Attach(new TestAdapter(3, 3));
        Assert.Equal(
            "'2' has an adapter; the test reads dense weights without adapters only.",
            Assert.Throws<NotSupportedException>(layers.Check).Message);

        var other = new Linear(3, 3);
        other.Weight = TestInt8Weight.Of(other.Weight.Dense());
        Assert.Equal("the weight of '2' is int8", new PlainLayers(Network(other), "the test reads").FindObstacle());
    }
}
