using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// Whether the system has asked the process to end (SIGTERM), as Kubernetes and Slurm do some time before they end it. While this object
/// is there, the process does not end by itself: the training stops after its step, and has time for a checkpoint.
/// </summary>
internal sealed class TerminationRequest : IDisposable
{
    public const string Message =
        "The training was stopped, because the system has asked the process to end (SIGTERM). It resumes from its checkpoint.";

    private readonly PosixSignalRegistration _registration;
    private volatile bool _isReceived;

    public TerminationRequest() => _registration = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
    {
        context.Cancel = true;
        _isReceived = true;
    });

    public bool IsReceived => _isReceived;

    public void Dispose() => _registration.Dispose();
}
