namespace Module10.Models;

/// <summary>How far a model of a room is.</summary>
internal enum ModelState
{
    /// <summary>Another model is trained before.</summary>
    Waiting,

    Loading,

    Training,

    Ready,

    Failed,
}
