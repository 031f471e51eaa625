using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// An invertible function from rows to latent values that have a standard normal distribution, RealNVP (Dinh, Sohl-Dickstein, Bengio
/// 2016): the density of a row is the one of its latent values times the determinant of the function's Jacobian.
/// </summary>
internal sealed class FlowNetwork : nn.Module
{
    private readonly Standardization standardization;
    private readonly ModuleList<AffineCoupling> couplings;

    private readonly FlowArchitecture _architecture;

    public FlowNetwork(FlowArchitecture architecture)
        : base(nameof(FlowNetwork))
    {
        _architecture = architecture;
        standardization = new Standardization(architecture.Row.Size);
        couplings = [.. Enumerable.Range(0, architecture.CouplingLayers).Select(i => new AffineCoupling(architecture, i))];
        RegisterComponents();
    }

    public Standardization Standardization => standardization;

    /// <summary>The rows as real values, [batch, values], with the log-determinant of what makes them so, [batch].</summary>
    /// <param name="x">[batch, ..row shape].</param>
    /// <param name="noise">
    /// Of networks of bytes: [batch, values] from 0 to 1, the place of each within its level. Default: the middle.
    /// </param>
    public (Tensor Values, Tensor LogDeterminant) Prepare(Tensor x, Tensor? noise = null)
    {
        Tensor values = x.flatten(1); // [batch, values]
        return _architecture.IsDequantized ? Dequantization.Encode(values, noise) : (values, zeros(values.size(0), x.dtype, x.device));
    }

    /// <summary>The latent values, [batch, values], and the log-determinant of their Jacobian, [batch].</summary>
    /// <param name="x">[batch, ..row shape].</param>
    /// <param name="labels">[batch], classes from 0; for networks with labels only.</param>
    /// <param name="noise">As <see cref="Prepare"/> has it.</param>
    public (Tensor Latent, Tensor LogDeterminant) Encode(Tensor x, Tensor? labels = null, Tensor? noise = null)
    {
        (Tensor values, Tensor logDeterminant) = Prepare(x, noise);
        (Tensor y, Tensor own) = standardization.Encode(values);
        logDeterminant = logDeterminant.Plus(own);
        Tensor? classes = Classes(labels, values.dtype);
        foreach (AffineCoupling coupling in couplings)
        {
            (y, own) = coupling.Encode(y, classes);
            logDeterminant = logDeterminant.Plus(own);
        }

        return (y, logDeterminant);
    }

    /// <summary>The rows of latent values, [batch, values]: the inverse of <see cref="Encode"/>.</summary>
    public Tensor Decode(Tensor z, Tensor? labels = null)
    {
        Tensor? classes = Classes(labels, z.dtype);
        Tensor x = z;
        for (int i = couplings.Count - 1; i >= 0; i--)
            x = couplings[i].Decode(x, classes);
        Tensor values = standardization.Decode(x);
        return _architecture.IsDequantized ? Dequantization.Decode(values) : values;
    }

    /// <summary>−log p(x) in nats, [batch], of what <see cref="Encode"/> returns (eq. 3 of the paper).</summary>
    public static Tensor NegativeLogDensity(Tensor latent, Tensor logDeterminant) =>
        latent.Squared().sum(1).Times(0.5).Plus(0.5 * Math.Log(2 * Math.PI) * latent.size(1)) - logDeterminant;

    // [batch, labels], one-hot.
    private Tensor? Classes(Tensor? labels, ScalarType type) =>
        _architecture.LabelCount == 0 ? null : LabelCondition.OneHot(labels!, _architecture.LabelCount, type);
}
