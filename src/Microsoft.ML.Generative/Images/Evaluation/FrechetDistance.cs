using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>
/// The squared Fréchet (or 2-Wasserstein) distance of two normal distributions (Dowson, Landau 1982): |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2
/// (Σ₁Σ₂)^½). Heusel et al. 2017 compare images by it.
/// </summary>
internal static class FrechetDistance
{
    public static double Between(FeatureMoments first, FeatureMoments second)
    {
        using DisposeScope scope = NewDisposeScope();
        return Between(first.Mean, first.Covariance, second.Mean, second.Covariance);
    }

    /// <param name="mean1">[size], double.</param>
    /// <param name="covariance1">[size, size], symmetric, no eigenvalue below 0 but for rounding.</param>
    /// <param name="mean2">The other's mean.</param>
    /// <param name="covariance2">The other's covariance.</param>
    public static double Between(Tensor mean1, Tensor covariance1, Tensor mean2, Tensor covariance2)
    {
        using DisposeScope scope = NewDisposeScope();
        // Σ₁Σ₂ is not symmetric, but has the eigenvalues of Σ₁^½ Σ₂ Σ₁^½, which is.
        Tensor root = Root(covariance1);
        Tensor product = root.mm(covariance2).mm(root);
        Tensor eigenvalues = linalg.eigvalsh(product.Plus(product.t()).Times(0.5));
        double rootTrace = nn.functional.relu(eigenvalues).sqrt().sum().item<double>();
        double distance = (mean1 - mean2).Squared().sum().item<double>() + Trace(covariance1) + Trace(covariance2) - 2 * rootTrace;
        return Math.Max(0, distance);
    }

    private static double Trace(Tensor matrix) => matrix.trace().item<double>();

    private static Tensor Root(Tensor covariance)
    {
        (Tensor values, Tensor vectors) = linalg.eigh(covariance);
        return (vectors * nn.functional.relu(values).sqrt()).mm(vectors.t());
    }
}
