using System.Globalization;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Tells how long a training will take, and how it would be shorter.</summary>
internal static class TrainingEstimate
{
    /// <summary>The steps after which the time is known.</summary>
    public const int Steps = 10;

    private static readonly TimeSpan _long = TimeSpan.FromMinutes(10);

    /// <param name="remaining">The time that the training will take from now on.</param>
    /// <param name="steps">The steps that it has, the first part of one with several.</param>
    /// <param name="options">Its options.</param>
    /// <param name="device">Where it computes.</param>
    public static string Describe(TimeSpan remaining, long steps, TrainingOptions options, DeviceType device)
    {
        string time = $"The training will take about {Text(remaining)}.";
        if (remaining <= _long || device != DeviceType.CPU)
            return time;
        string[] set = [.. options.SizeOptions.Where(name => ValueOf(options, name) is not null)];
        string lower = BaseOptions.Describe(options, set, options.DescribeLength(steps));
        return $"{time} To make it shorter, lower {lower}, learn fewer rows, or use a GPU.";
    }

    private static object? ValueOf(TrainingOptions options, string name) => options.GetType().GetProperty(name)!.GetValue(options);

    private static string Text(TimeSpan time) => time switch
    {
        { TotalMinutes: < 1.5 } => Count(Math.Max(1, time.TotalSeconds), "second"),
        { TotalMinutes: < 90 } => Count(time.TotalMinutes, "minute"),
        { TotalHours: < 48 } => Count(time.TotalHours, "hour"),
        _ => Count(time.TotalDays, "day"),
    };

    private static string Count(double count, string unit) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Round(count):N0} {unit}{(Math.Round(count) == 1 ? "" : "s")}");
}
