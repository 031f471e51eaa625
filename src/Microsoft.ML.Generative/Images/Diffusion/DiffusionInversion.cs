using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>The way from an image to the noise that a deterministic sampler draws it from (Song et al. 2020, section 4.3).</summary>
internal static class DiffusionInversion
{
    /// <summary>The noise of images, by as many steps as the times tell, and back from it.</summary>
    /// <param name="prediction">What the network says.</param>
    /// <param name="path">The times and the sizes of image and noise at each.</param>
    /// <param name="sample">Images in −1..1, or noise.</param>
    /// <param name="isForward">From images to noise.</param>
    /// <param name="check">Called before each step.</param>
    public static Tensor Follow(GuidedPrediction prediction, DeterministicPath path, Tensor sample, bool isForward, Action check)
    {
        int points = path.Points.Count;
        for (int i = 0; i + 1 < points; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            check();
            (PathPoint from, PathPoint to) = isForward ? (path.Points[i], path.Points[i + 1]) : (path.Points[points - 1 - i], path.Points[points - 2 - i]);
            Tensor output = prediction.At(sample, from.Time).narrow(1, 0, sample.size(1));
            (Tensor image, Tensor noise) = path.Split(sample, output, from);
            Tensor next = image.Times(to.Signal).Plus(noise, to.Noise);
            using Tensor before = sample;
            sample = next.MoveToOuterDisposeScope();
        }

        return sample;
    }
}

/// <summary>A point on the way from an image to noise.</summary>
/// <param name="Time">The network's time.</param>
/// <param name="Signal">What the image is multiplied by.</param>
/// <param name="Noise">What the noise is multiplied by.</param>
internal readonly record struct PathPoint(double Time, double Signal, double Noise);

/// <summary>The probability flow from images to noise in a number of steps.</summary>
/// <param name="Points">From the image to the noise.</param>
/// <param name="Split">Image and noise, from the sample and what the network says of it.</param>
internal sealed record DeterministicPath(IReadOnlyList<PathPoint> Points, Func<Tensor, Tensor, PathPoint, (Tensor Image, Tensor Noise)> Split)
{
    // Flow matching's first point: nothing is learned of an image without any noise.
    private const double LowestSigma = 1e-3;

    public static DeterministicPath Of(DiffusionArchitecture architecture, int steps)
    {
        int timesteps = architecture.NoiseSchedule.TrainTimesteps;
        if (architecture.Process == DiffusionProcess.FlowMatching)
        {
            return new DeterministicPath(
                [.. Enumerable.Range(0, steps + 1).Select(i => LowestSigma + (1 - LowestSigma) * i / steps).Select(sigma => new PathPoint(sigma * timesteps, 1 - sigma, sigma))],
                (sample, velocity, point) => (sample.Plus(velocity, -point.Noise), sample.Plus(velocity, point.Signal)));
        }

        float[] cumulative = [.. new NoiseSchedule(architecture.NoiseSchedule).AlphasCumulative];
        return new DeterministicPath(
            [.. Enumerable.Range(0, steps + 1).Select(i => (int)Math.Round((timesteps - 1.0) * i / steps)).Distinct()
                .Select(t => new PathPoint(t, Math.Sqrt(cumulative[t]), Math.Sqrt(1 - cumulative[t])))],
            (sample, output, point) => architecture.Prediction switch
            {
                PredictionType.Sample => (output, sample.Plus(output, -point.Signal).Times(1 / point.Noise)),
                PredictionType.Velocity => (sample.Times(point.Signal).Plus(output, -point.Noise), sample.Times(point.Noise).Plus(output, point.Signal)),
                _ => (sample.Plus(output, -point.Noise).Times(1 / Math.Max(point.Signal, 1e-6)), output),
            });
    }
}
