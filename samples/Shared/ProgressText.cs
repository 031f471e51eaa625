using System.Globalization;
using Microsoft.ML.Generative;

namespace Samples.Shared;

/// <summary>The words and numbers of a progress report, the same in every culture.</summary>
internal static class ProgressText
{
    /// <summary>The share of the steps that are done, 0..1.</summary>
    public static double Share(TrainingProgress p) => p.TotalSteps > 0 ? Math.Clamp((double)p.Step / p.TotalSteps, 0, 1) : 0;

    /// <summary>Whole percent, rounded down: 100 means done.</summary>
    public static string Percent(TrainingProgress p) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(Share(p) * 100),3:0}%");

    /// <summary>The loss with its terms, such as <c>104.31 (reconstruction 79.10, kl 25.21)</c>.</summary>
    public static string Loss(TrainingProgress p)
    {
        var text = Number(p.Loss);
        if (p.LossTerms.Count > 0)
            text += $" ({string.Join(", ", p.LossTerms.Select(t => $"{t.Key} {Number(t.Value)}"))})";
        return text;
    }

    /// <summary>Rows per second, such as <c>12,345 rows/s</c>.</summary>
    public static string Speed(TrainingProgress p) =>
        string.Create(CultureInfo.InvariantCulture, $"{p.SamplesPerSecond:N0} {p.SampleUnit}/s");

    /// <summary>A time as <c>m:ss</c> or <c>h:mm:ss</c>.</summary>
    public static string Time(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    /// <summary>Five digits or so, whatever the magnitude.</summary>
    public static string Number(double value) => Math.Abs(value) switch
    {
        double.NaN => "NaN",
        0 => "0",
        >= 1e6 or < 1e-3 => value.ToString("0.000e+0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0.00", CultureInfo.InvariantCulture),
        >= 1 => value.ToString("0.000", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00000", CultureInfo.InvariantCulture),
    };

    /// <summary>One plain line about a report, for files and pipes.</summary>
    public static string Line(string title, TrainingProgress p)
    {
        var validation = p.ValidationLoss is { } loss ? $"  validation {Number(loss)}" : "";
        var time = p.Step >= p.TotalSteps ? $"took {Time(p.Elapsed)} on {p.Device}" : $"{Time(p.Remaining)} left";
        return string.Create(CultureInfo.InvariantCulture,
            $"{title}  {Percent(p)}  step {p.Step}/{p.TotalSteps}  epoch {p.Epoch}  loss {Loss(p)}{validation}  {Speed(p)}  {time}");
    }
}
