using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// An affine coupling layer (Dinh, Sohl-Dickstein, Bengio 2016, eq. 7 and 8): y = x · exp(s) + t for one half of the values, where s and t
/// are a network's outputs for the other half, which stays as it is. An activation normalization follows (Kingma, Dhariwal 2018, section
/// 3.1): a learned shift and scale of each value. At first the layer is the identity, so that its input's standardization is the one of
/// every layer.
/// </summary>
internal sealed class AffineCoupling : nn.Module
{
    private readonly nn.Module<Tensor, Tensor?, Tensor> conditioner;
    private readonly Parameter shift;
    private readonly Parameter logScale;

    // 1 where a value is changed.
    private readonly Tensor mask;

    private readonly long _size;
    private readonly double _maxLogScale;

    public AffineCoupling(FlowArchitecture architecture, int index)
        : base(nameof(AffineCoupling))
    {
        _size = architecture.Row.Size;
        _maxLogScale = architecture.MaxLogScale;
        conditioner = architecture.Row.Image is { } image
            ? new ConvolutionalConditioner(
                image, CouplingMask.ScaleOf(image, index), architecture.ConvolutionChannels, architecture.LabelCount)
            : new MlpConditioner(architecture.Row.Size, architecture.HiddenSizes, architecture.LabelCount);
        shift = nn.Parameter(ModuleTensors.Zeros(_size));
        logScale = nn.Parameter(ModuleTensors.Zeros(_size));
        mask = tensor(CouplingMask.Of(architecture.Row, index));
        RegisterComponents();
    }

    /// <summary>y, [batch, values], and the log-determinant of its Jacobian, [batch].</summary>
    /// <param name="x">[batch, values].</param>
    /// <param name="classes">[batch, labels], one-hot, or none.</param>
    public (Tensor Y, Tensor LogDeterminant) Encode(Tensor x, Tensor? classes)
    {
        (Tensor s, Tensor t) = Conditioned(x, classes);
        Tensor y = ((x * s.exp()).Plus(t).Plus(shift) * logScale.exp());
        return (y, s.sum(1).Plus(logScale.sum()));
    }

    /// <summary>x of y: the inverse of <see cref="Encode"/>.</summary>
    public Tensor Decode(Tensor y, Tensor? classes)
    {
        Tensor changed = y * (-logScale).exp() - shift;
        (Tensor s, Tensor t) = Conditioned(changed, classes);
        return (changed - t) * (-s).exp();
    }

    // s and t, each [batch, values] and 0 for the values that stay.
    private (Tensor S, Tensor T) Conditioned(Tensor x, Tensor? classes)
    {
        Tensor outputs = conditioner.call(x - x * mask, classes).AsFloat32(); // [batch, 2 · values]
        Tensor s = outputs.narrow(1, 0, _size).Times(1 / _maxLogScale).tanh().Times(_maxLogScale) * mask;
        return (s, outputs.narrow(1, _size, _size) * mask);
    }
}
