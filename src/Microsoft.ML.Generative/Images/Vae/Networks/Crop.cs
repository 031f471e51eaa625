using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Microsoft.ML.Generative.Images.Vae.Networks;

/// <summary>
/// The upper left part of images, in place of an output padding that differs between height and width, which TorchSharp 0.107 does not
/// pass on.
/// </summary>
internal sealed class Crop(int height, int width) : Module<Tensor, Tensor>(nameof(Crop))
{
    public int Height => height;

    public int Width => width;

    public override Tensor forward(Tensor input) => input.narrow(2, 0, height).narrow(3, 0, width); // [batch, channels, height, width]
}
