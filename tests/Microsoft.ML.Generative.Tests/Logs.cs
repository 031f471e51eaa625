using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a context logs from now on.</summary>
internal static class Logs
{
    public static List<string> Of(MLContext ml) => Of(ml, _ => true);

    public static List<string> Warnings(MLContext ml) => Of(ml, e => e.Kind == ChannelMessageKind.Warning);

    private static List<string> Of(MLContext ml, Func<LoggingEventArgs, bool> isWanted)
    {
        List<string> messages = [];
        ml.Log += (_, e) =>
        {
            if (isWanted(e))
                messages.Add(e.Message);
        };
        return messages;
    }
}
