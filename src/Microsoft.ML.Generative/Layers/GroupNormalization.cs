using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Group normalization (Wu, He 2018) of [batch, channels, ..], with PyTorch's names and initial values. TorchSharp's own layer leaves its
/// parameters as the memory was.
/// </summary>
internal sealed class GroupNormalization : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    public GroupNormalization(int groups, long channels, double epsilon = 1e-5)
        : base(nameof(GroupNormalization))
    {
        (Groups, Epsilon) = (groups, epsilon);
        weight = nn.Parameter(ModuleTensors.Ones(channels));
        bias = nn.Parameter(ModuleTensors.Zeros(channels));
        RegisterComponents();
    }

    public int Groups { get; }

    public double Epsilon { get; }

    public override Tensor forward(Tensor input) => Forward(input, hasSilu: false);

    /// <summary>The normalization with what is before and after it in residual blocks.</summary>
    /// <param name="input">[batch, channels, ..].</param>
    /// <param name="hasSilu">Whether SiLU follows.</param>
    /// <param name="added">What is added to the input's channels before, [batch, channels].</param>
    /// <param name="scale">What is added to 1 and multiplied with the normalized values, [batch, channels].</param>
    /// <param name="shift">What is added to them then, [batch, channels]; given with <paramref name="scale"/>.</param>
    /// <param name="beside">Further channels, which follow those of the input.</param>
    public Tensor Forward(
        Tensor input, bool hasSilu, Tensor? added = null, Tensor? scale = null, Tensor? shift = null, Tensor? beside = null)
    {
        Tensor gains = weight.unsqueeze(0), shifts = bias.unsqueeze(0); // [1, channels]
        if (scale is not null && shift is not null)
        {
            Tensor factor = scale.Plus(1);
            (gains, shifts) = (gains * factor, (shifts * factor).Plus(shift)); // [batch, channels]
        }

        var settings = new NormalizedActivation.Settings(Groups, Epsilon, hasSilu);
        return OutputShapes.Note(this, NormalizedActivation.Apply(new(input, gains, shifts, beside, added), settings));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            weight.Dispose();
            bias.Dispose();
        }

        base.Dispose(disposing);
    }
}
