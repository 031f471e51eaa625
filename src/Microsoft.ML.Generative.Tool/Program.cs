using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Tool;

using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await GenerativeTool.RunAsync(args, Console.In, Console.Out, Console.Error, stop.Token);

// What runs ends by itself; a second signal ends the process.
void Stop(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
