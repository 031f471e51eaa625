using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>Differentiable augmentations of images (Zhao et al. 2020, appendix A).</summary>
internal static class GanAugmentation
{
    private const int ShiftPart = 8;
    private const int CutPart = 2;

    /// <param name="kinds">The augmentations.</param>
    /// <param name="images">[batch, channels, height, width] in −1..1.</param>
    /// <param name="probability">[1], of each change of an image; <see langword="null"/>: all images are changed.</param>
    /// <param name="step">The source of noise.</param>
    public static Tensor Apply(GanAugmentations kinds, Tensor images, Tensor? probability, StepContext step)
    {
        Tensor x = images;
        if (kinds.HasFlag(GanAugmentations.Color))
        {
            x = x.Plus(Amount(0.5, 0));
            if (x.size(1) > 1)
                x = Stretch(x, x.mean([1], keepdim: true), Amount(1, 1));
            x = Stretch(x, x.mean([1, 2, 3], keepdim: true), Amount(0.5, 1));
        }

        if (kinds.HasFlag(GanAugmentations.Translation))
        {
            x = Shift(
                x, Whole(2 * (x.size(2) / ShiftPart) + 1, -(x.size(2) / ShiftPart)),
                Whole(2 * (x.size(3) / ShiftPart) + 1, -(x.size(3) / ShiftPart)));
        }

        if (kinds.HasFlag(GanAugmentations.Cutout))
            x = Cut(x, Uniform(), Uniform(), IsChanged());
        return x;

        Tensor Uniform() => step.Draw(images.size(0), rows => rand([rows], generator: step.Generator)).OnDevice(images.device);

        Tensor IsChanged() => probability is null ? ones_like(Uniform(), ScalarType.Bool) : Uniform().lt(probability);

        // Uniform in neutral ± range, and neutral where the image is not changed: [batch, 1, 1, 1].
        Tensor Amount(double range, double neutral) =>
            (Uniform().Times(2 * range).Plus(-range) * IsChanged().to(ScalarType.Float32)).Plus(neutral).view(-1, 1, 1, 1);

        // A whole number below count, and lowest added; 0 where the image is not changed: [batch].
        Tensor Whole(long count, long lowest) =>
            Uniform().Times(count).floor().AtMost(count - 1).Plus(lowest).to(ScalarType.Int64) * IsChanged().to(ScalarType.Int64);
    }

    /// <summary>Moves each image down and right by its numbers of pixels; zeros come in.</summary>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="down">[batch].</param>
    /// <param name="right">[batch].</param>
    public static Tensor Shift(Tensor images, Tensor down, Tensor right)
    {
        (long n, long channels, long height, long width) = (images.size(0), images.size(1), images.size(2), images.size(3));
        // One line of zeros around the image stands for all beyond it.
        Tensor padded = nn.functional.pad(images, [1L, 1, 1, 1]);
        Tensor fromRow = (TensorFactory.Range(1, height + 1, device: images.device).view(1, -1) - down.view(-1, 1)).Within(0, height + 1);
        Tensor fromColumn = (TensorFactory.Range(1, width + 1, device: images.device).view(1, -1) - right.view(-1, 1)).Within(0, width + 1);
        return padded.gather(2, fromRow.view(n, 1, height, 1).expand(n, channels, height, width + 2))
            .gather(3, fromColumn.view(n, 1, 1, width).expand(n, channels, height, width));
    }

    private static Tensor Stretch(Tensor x, Tensor center, Tensor factor) => ((x - center) * factor).Plus(center);

    // A rectangle whose center may be anywhere.
    private static Tensor Cut(Tensor x, Tensor atRow, Tensor atColumn, Tensor isCut)
    {
        Tensor rows = Covered(x.size(2), atRow).unsqueeze(2), columns = Covered(x.size(3), atColumn).unsqueeze(1);
        Tensor covered = rows.logical_and(columns).logical_and(isCut.view(-1, 1, 1)).unsqueeze(1);
        return x.Masked(covered, 0);

        static Tensor Covered(long size, Tensor position)
        {
            Tensor center = position.Times(size).floor().view(-1, 1);
            Tensor distance = TensorFactory.Range(size, ScalarType.Float32, position.device).view(1, -1) - center;
            double half = size / CutPart / 2.0;
            return distance.GreaterOrEqual(-half).logical_and(distance.LessThan(half));
        }
    }
}
