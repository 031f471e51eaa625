namespace Microsoft.ML.Generative.Tests;

internal static class ConfiguredOptions
{
    /// <summary>The options after a change that knows only what all models have in common.</summary>
    public static TOptions With<TOptions>(this TOptions options, Action<TrainingOptions> configure)
        where TOptions : TrainingOptions
    {
        configure(options);
        return options;
    }
}
