using System.Diagnostics;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Common;

/// <summary>Says in the log how far long work is that reports nothing else: every half minute.</summary>
/// <param name="host">Whose log.</param>
/// <param name="name">The work.</param>
/// <param name="pause">The time between two lines. Default: half a minute.</param>
internal sealed class TimedLines(IHost host, string name, TimeSpan? pause = null)
{
    private static readonly TimeSpan _halfMinute = TimeSpan.FromSeconds(30);

    private readonly Stopwatch _watch = Stopwatch.StartNew();

    /// <summary>Writes a line if one is due.</summary>
    public void Write(Func<string> line)
    {
        if (_watch.Elapsed < (pause ?? _halfMinute))
            return;
        _watch.Restart();
        using IChannel channel = host.Start(name);
        channel.Info($"{name}: {line()}");
    }

    /// <summary>Writes how much of the work is done if a line is due.</summary>
    public void Write(long done, long all, string unit)
    {
        if (done < all)
            Write(() => $"{done:N0} of {all:N0} {unit}.");
    }
}
