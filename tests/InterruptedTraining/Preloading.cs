using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;

/// <summary>Uses of libtorch while it is loaded.</summary>
internal static class Preloading
{
    /// <param name="action"><c>return</c>, <c>exit</c>, <c>use</c>, <c>torch</c>, <c>name</c> or <c>fit</c>.</param>
    public static void Run(string action)
    {
        if (action == "fit")
        {
            FitThatFails();
            return;
        }

        TorchRuntime.Preload();
        TorchRuntime.Preload();
        switch (action)
        {
            case "exit":
                Environment.Exit(3);
                break;
            case "use":
                Use();
                break;
            case "torch":
                UseTorch();
                break;
            case "name":
                TorchRuntime.LibTorchDirectory = "/elsewhere";
                break;
        }
    }

    // On many threads at once.
    private static void Use()
    {
        int[] counts = new int[8];
        string?[] errors = new string?[counts.Length];
        Thread[] threads = [.. Enumerable.Range(0, counts.Length).Select(i => new Thread(() =>
        {
            try
            {
                using var scheduler = new EulerScheduler();
                counts[i] = scheduler.Timesteps.Count;
            }
            catch (InvalidOperationException e)
            {
                errors[i] = e.Message;
            }
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Console.WriteLine(string.Join(' ', counts.Distinct()));
        foreach (string? error in errors.Distinct())
            Console.Error.Write(error);
    }

    // Beside the library, which loads the same.
    private static void UseTorch()
    {
        float[] sums = new float[8];
        Thread[] threads = [.. Enumerable.Range(0, sums.Length).Select(i => new Thread(() =>
        {
            using torch.Tensor ones = torch.ones(i + 1);
            using torch.Tensor sum = ones.sum();
            sums[i] = sum.item<float>();
        }))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Console.WriteLine(string.Join(' ', sums));
        // The code of a library is mapped once.
        Console.WriteLine(File.ReadLines("/proc/self/maps").Count(
            line => line.Contains("libLibTorchSharp.so", StringComparison.Ordinal) && line.Contains("r-xp", StringComparison.Ordinal)));
    }

    private static void FitThatFails()
    {
        var ml = new MLContext();
        IDataView rows = ml.Data.LoadFromEnumerable([new Row()]);
        try
        {
            ml.Transforms.Generative().Vae("Missing").Fit(rows);
        }
        catch (ArgumentException e)
        {
            Console.WriteLine(e.Message.Contains("'Missing'", StringComparison.Ordinal));
        }

        for (int tries = 0; tries < 300 && !IsLoading(); tries++)
            Thread.Sleep(100);
        Console.WriteLine(IsLoading());
    }

    private static bool IsLoading() => File.ReadAllText("/proc/self/maps").Contains("/libtorch_cpu.so", StringComparison.Ordinal);
}
