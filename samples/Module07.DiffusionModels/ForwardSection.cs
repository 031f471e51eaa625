using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;
using TorchSharp;

namespace Module07;

/// <summary>The forward process from an image to noise, which has no parameters to train.</summary>
internal static class ForwardSection
{
    public sealed record Result(double LinearHalf, double CosineHalf);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. The forward process: from an image to noise");
        int[] timesteps = [0, 100, 200, 300, 400, 500, 600, 700, 800, 999];
        NoiseScheduleOptions linear = new(), cosine = new() { BetaSchedule = NoiseScheduleKind.Cosine };
        float[] image = lesson.Example(3);

        lesson.SaveImages(
            "forward-process.png", "an image at rising timesteps, with the linear and the cosine schedule",
            [.. Noisy(image, linear, timesteps), .. Noisy(image, cosine, timesteps)], timesteps.Length,
            ["linear", "cosine"], [.. timesteps.Select(t => $"t = {t}")]);

        var (linearBar, cosineBar) = (new NoiseSchedule(linear).AlphasCumulative, new NoiseSchedule(cosine).AlphasCumulative);
        Chart.SavePanels(lesson.Output.File("noise-schedules.png", "variance of the image and signal-to-noise ratio"),
        [
            new Chart("Variance of the image", "timestep t", "share of the variance").Line("linear", Points(linearBar, a => a))
                .Line("cosine", Points(cosineBar, a => a)),
            new Chart("Signal-to-noise ratio", "timestep t", "variance of the image / variance of the noise", logY: true)
                .Line("linear", Points(linearBar, a => a / (1 - a))).Line("cosine", Points(cosineBar, a => a / (1 - a))),
        ]);

        var result = new Result(Half(linearBar), Half(cosineBar));
        Console.WriteLine($"Half of the variance is noise at timestep {result.LinearHalf} of 1,000 with the linear schedule, at "
            + $"{result.CosineHalf} with the cosine schedule.");
        return result;
    }

    private static IEnumerable<float[]> Noisy(float[] image, NoiseScheduleOptions schedule, int[] timesteps)
    {
        using var scheduler = new DdpmScheduler(new DdpmSchedulerOptions { Schedule = schedule });
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(1);
        torch.Tensor x0 = torch.tensor(image).mul(2).sub(1), noise = torch.randn([image.Length], generator: generator);
        foreach (int t in timesteps)
        {
            // x[t] = √ᾱ x0 + √(1 − ᾱ) ε, in one step for any t.
            torch.Tensor noisy = scheduler.AddNoise(x0.unsqueeze(0), noise.unsqueeze(0), torch.tensor(new[] { (long)t }));
            yield return noisy.mul(0.5f).add(0.5f).clamp(0, 1).data<float>().ToArray();
        }
    }

    private static (double, double)[] Points(IReadOnlyList<float> bar, Func<double, double> value) =>
        [.. Enumerable.Range(0, 100).Select(i => 10 * i + 5).Select(t => ((double)t, value(bar[t])))];

    private static double Half(IReadOnlyList<float> bar) => bar.Count(a => a > 0.5);
}
