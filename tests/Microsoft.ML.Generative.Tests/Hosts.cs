using System.Reflection;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Tests;

internal static class Hosts
{
    public static IHost Create(MLContext ml) => ((IHostEnvironment)ml).Register("test");

    /// <summary>ML.NET keeps the call to itself and its friends (AutoML's time limit is one).</summary>
    public static void CancelExecution(this MLContext ml) =>
        typeof(MLContext).GetMethod("CancelExecution", BindingFlags.NonPublic | BindingFlags.Instance)!.Invoke(ml, []);
}
