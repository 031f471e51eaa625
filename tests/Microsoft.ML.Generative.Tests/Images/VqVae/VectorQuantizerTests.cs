using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class VectorQuantizerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static VectorQuantizer Quantizer(float[] codebook, float[] usage)
    {
        TorchRuntime.EnsureLoaded();
        var quantizer = new VectorQuantizer(usage.Length, codebook.Length / usage.Length);
        quantizer.get_buffer("codebook")!.copy_(tensor(codebook, [usage.Length, codebook.Length / usage.Length]));
        quantizer.get_buffer("usage")!.copy_(tensor(usage));
        quantizer.get_buffer("sums")!.copy_(quantizer.get_buffer("codebook")! * tensor(usage).unsqueeze(1));
        return quantizer;
    }

    [Fact]
    public void The_nearest_code_is_the_one_that_a_search_finds()
    {
        using var generator = new Generator(1);
        Tensor book = randn([9, 4], generator: generator);
        Tensor vectors = randn([50, 4], generator: generator);
        using VectorQuantizer quantizer = Quantizer(book.data<float>().ToArray(), new float[9]);
        long[] codes = quantizer.Nearest(vectors).data<long>().ToArray();
        for (int i = 0; i < 50; i++)
        {
            double[] distances = [.. Enumerable.Range(0, 9).Select(k => (vectors[i] - book[k]).square().sum().ToDouble())];
            Assert.Equal(Array.IndexOf(distances, distances.Min()), codes[i]);
        }

        Assert.True(quantizer.Vectors(tensor(codes))[7].allclose(book[codes[7]]));
    }

    [Fact]
    public void Gradients_pass_straight_through()
    {
        using VectorQuantizer quantizer = Quantizer([0, 0, 1, 1], new float[2]);
        Tensor vectors = tensor(new float[] { 0.2f, 0.1f, 0.9f, 0.7f }, [2, 2]).requires_grad_();
        Tensor quantized = quantizer.Vectors(quantizer.Nearest(vectors));
        Tensor output = VectorQuantizer.StraightThrough(vectors, quantized);
        Assert.True(output.allclose(quantized));

        // d(Σ w·output)/d(vectors) = w, as if nothing had been replaced.
        Tensor weights = tensor(new float[] { 1, -2, 3, 0.5f }, [2, 2]);
        (output * weights).sum().backward();
        Assert.True(vectors.grad!.allclose(weights));
    }

    [Fact]
    public void The_codebook_follows_its_vectors_by_the_papers_averages()
    {
        using VectorQuantizer quantizer = Quantizer([0, 10], [2, 1]);
        using var generator = new Generator(1);
        quantizer.Learn(tensor(new float[] { 1, 3, 12 }, [3, 1]), tensor(new long[] { 0, 0, 1 }), 0.9, 0, generator);

        // N ← 0.9·N + 0.1·n, m ← 0.9·m + 0.1·Σ, e = m / Ñ with Ñ = (N + ε) / (ΣN + K·ε) · ΣN.
        double[] n = [0.9 * 2 + 0.1 * 2, 0.9 * 1 + 0.1 * 1];
        double[] m = [0.9 * 0 + 0.1 * 4, 0.9 * 10 + 0.1 * 12];
        double sum = n.Sum();
        float[] codebook = quantizer.get_buffer("codebook")!.data<float>().ToArray();
        for (int k = 0; k < 2; k++)
            Assert.Equal(m[k] / ((n[k] + 1e-5) / (sum + 2e-5) * sum), codebook[k], 1e-5);
    }

    [Fact]
    public void Codes_that_hardly_any_vector_chooses_are_replaced_by_vectors()
    {
        using VectorQuantizer quantizer = Quantizer([0, 100, 5], [10, 0.01f, 10]);
        using var generator = new Generator(1);
        quantizer.Learn(tensor(new float[] { 0.5f, 4.5f }, [2, 1]), tensor(new long[] { 0, 2 }), 0.9, deadCodeThreshold: 0.1, generator);
        float revived = quantizer.get_buffer("codebook")!.data<float>().ToArray()[1];
        Assert.Contains(revived, (float[])[0.5f, 4.5f]);
        Assert.True(quantizer.get_buffer("usage")![1].ToDouble() > 1);

        using VectorQuantizer off = Quantizer([0, 100, 5], [10, 0.01f, 10]);
        off.Learn(tensor(new float[] { 0.5f, 4.5f }, [2, 1]), tensor(new long[] { 0, 2 }), 0.9, deadCodeThreshold: 0, generator);
        Assert.Equal(100, off.get_buffer("codebook")!.data<float>().ToArray()[1], 0.5f);
    }

    [Theory]
    [InlineData(new float[] { 3, 3, 3, 3 }, 4)]
    [InlineData(new float[] { 0, 9, 0, 0 }, 1)]
    [InlineData(new float[] { 1, 1, 0, 0 }, 2)]
    public void Perplexity_counts_the_codes_in_use(float[] counts, double expected) =>
        Assert.Equal(expected, VectorQuantizer.Perplexity(tensor(counts)).ToDouble(), 1e-5);

    [Fact]
    public void It_begins_with_vectors_that_it_has_seen()
    {
        TorchRuntime.EnsureLoaded();
        using var quantizer = new VectorQuantizer(3, 1);
        using var generator = new Generator(1);
        quantizer.Initialize(tensor(new float[] { 1, 2, 3, 4, 5 }, [5, 1]), generator);
        float[] codebook = quantizer.get_buffer("codebook")!.data<float>().ToArray();
        Assert.Equal(3, codebook.Distinct().Count());
        Assert.All(codebook, value => Assert.Contains(value, (float[])[1, 2, 3, 4, 5]));
        quantizer.Initialize(tensor(new float[] { 9 }, [1, 1]), generator);
        Assert.Equal(codebook, quantizer.get_buffer("codebook")!.data<float>().ToArray());
    }
}
