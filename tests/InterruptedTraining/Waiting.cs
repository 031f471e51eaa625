using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Runtime.Contention;
using Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>How libtorch's threads wait for each other.</summary>
internal static unsafe class Waiting
{
    private const int Works = 40;

    private static int _other;

    /// <param name="action"><c>count</c>, <c>adapt</c> or <c>fit</c>.</param>
    public static void Run(string action)
    {
        switch (action)
        {
            case "count":
                Count();
                break;
            case "adapt":
                Console.WriteLine(ThreadWaiting.Adapt(2) is null);
                break;
            case "fit":
                Fit();
                break;
        }
    }

    // How often the second thread sleeps in works a millisecond apart: while there is a sleeping team, and at least after it.
    private static void Count()
    {
        GnuOpenMp openMp = GnuOpenMp.Loaded ?? throw new InvalidOperationException("libtorch has another library.");
        using (new SleepingTeam(openMp, 2))
        {
            _ = Sleeps(openMp);
            Console.WriteLine(Sleeps(openMp));
        }

        int least = Works;
        for (int tries = 0; tries < 100 && least >= Works / 2; tries++)
            least = Math.Min(least, Sleeps(openMp));
        Console.WriteLine(least);
    }

    private static int Sleeps(GnuOpenMp openMp)
    {
        openMp.Parallel(&NoteOther, null, 2, 0);
        int before = Switches();
        for (int i = 0; i < Works; i++)
        {
            Thread.Sleep(1);
            openMp.Parallel(&NoteOther, null, 2, 0);
        }

        return Switches() - before;
    }

    private static int Switches()
    {
        string line = File.ReadLines($"/proc/self/task/{_other}/status").First(
            line => line.StartsWith("voluntary_ctxt_switches", StringComparison.Ordinal));
        return int.Parse(line[(line.IndexOf(':') + 1)..]);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void NoteOther(void* state)
    {
        if (GnuOpenMp.Loaded!.Value.ThreadNumber() == 1)
            _other = ThreadId();
    }

    [DllImport("libc", EntryPoint = "gettid")]
    private static extern int ThreadId();

    // A training beside processes that keep all processors busy, until its own threads sleep.
    private static void Fit()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        Process[] others = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(
            _ => Process.Start("timeout", ["150", "sh", "-c", "while :; do :; done"]))];
        var options = new VaeOptions
        {
            InputColumnName = nameof(Row.Features),
            Epochs = 1_000_000,
            Threads = Environment.ProcessorCount,
            CancellationToken = stop.Token,
            Progress = new StopAsleep(stop),
        };
        var ml = new MLContext(seed: 1);
        try
        {
            ml.Transforms.Generative().Vae(options).Fit(
                ml.Data.LoadFromEnumerable(Enumerable.Repeat(new Row { Features = new float[Row.Size] }, 64)));
        }
        catch (OperationCanceledException)
        {
        }

        // A signal that the process passes on to its child.
        foreach (Process other in others)
            Process.Start("kill", [$"{other.Id}"]).WaitForExit();
        Console.WriteLine(ThreadWaiting.Sleeps);
    }

    private sealed class StopAsleep(CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (!ThreadWaiting.Sleeps || stop.IsCancellationRequested)
                return;
            Console.WriteLine(true);
            stop.Cancel();
        }
    }
}
