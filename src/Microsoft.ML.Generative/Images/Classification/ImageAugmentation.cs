using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>Random changes of images that leave their class as it is, new ones for each row.</summary>
internal static class ImageAugmentation
{
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="maxShift">Pixels by which an image moves at most in each direction; zeros come in.</param>
    /// <param name="flips">Whether half of the images are mirrored, left for right.</param>
    /// <param name="step">The source of noise.</param>
    public static Tensor Apply(Tensor x, int maxShift, bool flips, StepContext step)
    {
        if (maxShift == 0 && !flips)
            return x;

        (long rows, long channels, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        Tensor down = Below(2 * maxShift + 1), right = Below(2 * maxShift + 1);
        Tensor mirrored = Below(flips ? 2 : 1).to(ScalarType.Bool);

        // Where in the padded image each row and column of the new one comes from.
        Tensor columns = TensorFactory.Range(width).unsqueeze(0);
        Tensor fromX = where(mirrored, columns.flip(1), columns).Plus(right).OnDevice(x.device);
        Tensor fromY = TensorFactory.Range(height).unsqueeze(0).Plus(down).OnDevice(x.device);
        Tensor padded = maxShift == 0 ? x : nn.functional.pad(x, [maxShift, maxShift, maxShift, maxShift]);
        Tensor shifted = padded.gather(2, fromY.view(rows, 1, height, 1).expand(rows, channels, height, padded.size(3)));
        return shifted.gather(3, fromX.view(rows, 1, 1, width).expand(rows, channels, height, width));

        Tensor Below(long bound) => step.Draw(rows, count => randint(0, bound, [count, 1], int64, generator: step.Generator));
    }
}
