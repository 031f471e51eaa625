using Microsoft.ML.Generative.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class AlignedProductsTests
{
    [Theory]
    [InlineData(11, true)]
    [InlineData(11, false)]
    [InlineData(16, true)]
    public void Padding_changes_neither_values_nor_gradients(int outputs, bool hasBias)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] Compute(Func<Tensor, Tensor, Tensor?, Tensor> product)
        {
            using var generator = new Generator(1);
            Tensor Values(params long[] shape) => randn(shape, generator: generator).requires_grad_(true);
            Tensor x = Values(2, 3, 5), w = Values(outputs, 5), b = Values(outputs);
            Tensor y = product(x, w, hasBias ? b : null);
            y.square().sum().backward();
            return [y, x.grad!, w.grad!, .. hasBias ? (Tensor[])[b.grad!] : []];
        }

        Tensor[] expected = Compute(nn.functional.linear), found = Compute(AlignedProducts.Padded);
        foreach ((Tensor left, Tensor right) in expected.Zip(found))
        {
            Assert.Equal(left.shape, right.shape);
            Assert.True(left.allclose(right, 1e-5, 1e-5));
        }
    }
}
