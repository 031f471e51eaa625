using System.Collections;
using System.Reflection;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Tests;

internal static class Hosts
{
    public static IHost Create(MLContext ml) => ((IHostEnvironment)ml).Register("test");

    /// <summary>ML.NET keeps the call to itself and its friends (AutoML's time limit is one).</summary>
    public static void CancelExecution(this MLContext ml) =>
        typeof(MLContext).GetMethod("CancelExecution", BindingFlags.NonPublic | BindingFlags.Instance)!.Invoke(ml, []);

    /// <summary>What ML.NET keeps of progress until somebody asks for it; nobody else asks a context.</summary>
    public static IReadOnlyList<object> TakeProgress(this MLContext ml)
    {
        const BindingFlags Own = BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance;
        object environment = typeof(MLContext).GetField("_env", Own)!.GetValue(ml)!;
        object tracker = environment.GetType().GetField("ProgressTracker", Own)!.GetValue(environment)!;
        return [.. ((IEnumerable)tracker.GetType().GetMethod("GetAllProgress", Own)!.Invoke(tracker, [])!).Cast<object>()];
    }
}
