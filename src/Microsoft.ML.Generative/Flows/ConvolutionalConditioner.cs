using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// Computes a coupling's s and t of an image: [batch, values] and the one-hot class to [batch, 2 · values]. At first all are 0. Like
/// Glow's (Kingma, Dhariwal 2018), it has convolutions of 3×3, 1×1 and 3×3, here over cells of pixels: larger cells see farther.
/// </summary>
internal sealed class ConvolutionalConditioner : Module<Tensor, Tensor?, Tensor>
{
    private readonly Conv2d first;
    private readonly Linear? label;
    private readonly Conv2d second;
    private readonly Conv2d third;

    private readonly ImageShape _shape;
    private readonly int _cell;

    /// <param name="shape">The images.</param>
    /// <param name="scale">How often height and width are halved to cells.</param>
    /// <param name="channels">Channels between the convolutions.</param>
    /// <param name="labelCount">Classes; 0: none.</param>
    public ConvolutionalConditioner(ImageShape shape, int scale, int channels, int labelCount)
        : base(nameof(ConvolutionalConditioner))
    {
        _shape = shape;
        _cell = 1 << scale;
        long values = (long)shape.Channels * _cell * _cell;
        first = new Conv2d(values, channels, 3, padding: 1);
        if (labelCount > 0)
            label = new Linear(labelCount, channels, hasBias: false);
        second = new Conv2d(channels, channels, 1);
        third = new Conv2d(channels, 2 * values, 3, padding: 1);
        foreach (TorchSharp.Modules.Parameter parameter in third.parameters())
            init.zeros_(parameter);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, Tensor? classes)
    {
        Tensor images = x.view(-1, _shape.Channels, _shape.Height, _shape.Width); // [batch, channels, height, width]
        Tensor hidden = first.call(F.pixel_unshuffle(images, _cell)); // [batch, channels, height / cell, width / cell]
        if (label is not null)
            hidden = hidden.Plus(label.call(classes!).unsqueeze(2).unsqueeze(3)); // [batch, channels, 1, 1]
        Tensor outputs = third.call(F.silu(second.call(F.silu(hidden)))); // [batch, 2 · values of a cell, height / cell, width / cell]
        return F.pixel_shuffle(outputs, _cell).flatten(1); // [batch, 2 · channels · height · width]
    }
}
