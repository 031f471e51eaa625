using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Module05;

/// <summary>
/// The GAN of Goodfellow et al. 2014 for points of the plane, written out: two networks, two optimizers, a step of each in turn.
/// </summary>
internal sealed class PointGan : IDisposable
{
    private const int LatentSize = 2;

    private readonly Module<Tensor, Tensor> _generator;
    private readonly Module<Tensor, Tensor> _discriminator;
    private readonly optim.Optimizer _generatorOptimizer;
    private readonly optim.Optimizer _discriminatorOptimizer;
    private readonly Generator _random = new(1);

    public PointGan(int width, double rate)
    {
        // Layers take their initial weights from the global generator of libtorch.
        manual_seed(1);
        _generator = Layers(LatentSize, width, 2);
        _discriminator = Layers(2, width, 1);
        _generatorOptimizer = optim.Adam(_generator.parameters(), rate, beta1: 0.5);
        _discriminatorOptimizer = optim.Adam(_discriminator.parameters(), rate, beta1: 0.5);
    }

    /// <summary>Trains the discriminator to separate real points from generated ones.</summary>
    /// <returns>−log D(x) − log(1 − D(G(z))), the mean of the batch.</returns>
    public double DiscriminatorStep(float[][] realPoints, float[][] generatedPoints)
    {
        using var scope = NewDisposeScope();
        _discriminatorOptimizer.zero_grad();
        // −log σ(d) is softplus(−d), and −log(1 − σ(d)) is softplus(d).
        Tensor lossOfReal = functional.softplus(-_discriminator.call(Points(realPoints))).mean();
        Tensor lossOfGenerated = functional.softplus(_discriminator.call(Points(generatedPoints))).mean();
        lossOfReal.backward();
        lossOfGenerated.backward();
        _discriminatorOptimizer.step();
        return lossOfReal.item<float>() + lossOfGenerated.item<float>();
    }

    /// <summary>Trains the generator to generate points that the discriminator takes for real.</summary>
    /// <returns>−log D(G(z)), the mean of the batch.</returns>
    public double GeneratorStep(int count)
    {
        using var scope = NewDisposeScope();
        _generatorOptimizer.zero_grad();
        Tensor loss = functional.softplus(-_discriminator.call(_generator.call(Latents(count)))).mean();
        loss.backward();
        _generatorOptimizer.step();
        return loss.item<float>();
    }

    /// <summary>Generates points.</summary>
    public float[][] Generate(int count)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return [.. _generator.call(Latents(count)).data<float>().ToArray().Chunk(2)];
    }

    /// <summary>The probabilities that points are real, as the discriminator predicts them.</summary>
    public double[] Probabilities(float[][] points)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return Array.ConvertAll(_discriminator.call(Points(points)).sigmoid().data<float>().ToArray(), p => (double)p);
    }

    public void Dispose()
    {
        _generator.Dispose();
        _discriminator.Dispose();
        _generatorOptimizer.Dispose();
        _discriminatorOptimizer.Dispose();
        _random.Dispose();
    }

    private static Module<Tensor, Tensor> Layers(int inputs, int width, int outputs) =>
        Sequential(Linear(inputs, width), LeakyReLU(0.2), Linear(width, width), LeakyReLU(0.2), Linear(width, outputs));

    private Tensor Latents(int count) => randn([count, LatentSize], generator: _random);

    private static Tensor Points(float[][] points) => tensor([.. points.SelectMany(point => point)], [points.Length, 2]);
}
