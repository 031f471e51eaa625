namespace Microsoft.ML.Generative.Common;

/// <summary>Shapes of schedules: factors of 0 to 1 as functions of a training's progress, from 0 to 1.</summary>
internal static class ScheduleShapes
{
    /// <summary>From 1 down to 0 in a straight line.</summary>
    public static double LinearDecay(double progress) => 1 - progress;

    /// <summary>From 1 down to 0 along half a cosine.</summary>
    public static double CosineDecay(double progress) => 0.5 * (1 + Math.Cos(Math.PI * progress));

    /// <summary>From 0 up to 1 in a straight line over a first part of the progress.</summary>
    public static double LinearRise(double progress, double part) => Math.Min(1, progress / part);

    /// <summary>A linear rise in each of several cycles of the same length.</summary>
    public static double CyclicalRise(double progress, double part, int cycles) => LinearRise(progress * cycles % 1, part);
}
