"""Copies of a data set's files: where they may lie, which is read, when one is downloaded."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from skfashion.datasets._archives import KMNIST_FILES, Archive, read_archive
from skfashion.datasets._download import PACKAGES, download, download_archive
from skfashion.datasets._files import decode, identify
from skfashion.datasets._folders import check_place_to_download, own_folders
from skfashion.utils._sklearn import StrOptions

# What all loaders of this kind are given.
OPTIONS = {
    "subset": [StrOptions({"train", "test", "all"})],
    "data_home": [str, os.PathLike, None],
    "download_if_missing": ["boolean"],
    "return_X_y": ["boolean"],
    "as_frame": ["boolean"],
}


@dataclass(frozen=True)
class Copies:
    """The places of one data set's files.

    Attributes
    ----------
    folders : list of pathlib.Path
        The user's, in the order of search.
    layouts : tuple of str
        The subfolders of each that are looked in, in this order; "" is the folder itself.
    download_if_missing : bool
        Whether a file that is found nowhere is downloaded.
    download_to : str, default=""
        The subfolder of the first folder that a download goes to.
    is_shared : bool, default=False
        Whether files of other data sets may lie in a folder itself under the same names.
    packages : dict of pathlib.Path to str, default={}
        Folders that a package of the system's fills, searched last, and what restores them.
    """

    folders: list[Path]
    layouts: tuple[str, ...]
    download_if_missing: bool
    download_to: str = ""
    is_shared: bool = False
    packages: dict[Path, str] = field(default_factory=dict)

    def read(self, files, parse=None):
        """Return the contents of files, each from its first copy or a download.

        Nothing is downloaded before all copies that there are have been read.

        Parameters
        ----------
        files : dict of IdxFile or Archive
            The files of one data set.
        parse : callable, default=None
            What makes the content of an archive: ``parse(stream)``.

        Returns
        -------
        contents : dict of ndarray, or of what `parse` returns
            By the keys of `files`.

        Raises
        ------
        ValueError
            If the first copy is anything but the file.
        OSError
            If there is none and none is to be downloaded, or every mirror fails.
        """
        contents = {key: self._read_copy(file, parse) for key, file in files.items()}
        missing = [files[key] for key, content in contents.items() if content is None]
        if missing and not self.download_if_missing:
            raise OSError(self._missing_message(missing))
        if missing:
            check_place_to_download([file.name for file in missing], self.folders)
        for key, content in contents.items():
            if content is None:
                contents[key] = self._download(files[key], parse)
        return contents

    def _read_copy(self, file, parse):
        """Return the content of the first copy, None if there is none."""
        for path, may_be_others in self._paths(file):
            try:
                return _read(path, file, parse)
            except ValueError as error:
                # Three data sets have the same file names, and may lie in one folder side by side.
                if may_be_others and _owner(path) not in ("", file.data_set):
                    continue
                remedy = next((how for at, how in self.packages.items() if at in path.parents), "")
                raise ValueError(
                    f"{error} Delete it and call again to download it, or replace it with the "
                    f"right file{remedy and f' ({remedy})'}."
                ) from error
        return None

    def _paths(self, file):
        """Yield copies that there are, and whether files of other data sets may lie there, too."""
        # An archive is known as it is; others are known, and read ten times faster, decompressed.
        names = [file.name] if isinstance(file, Archive) else [file.name, f"{file.name}.gz"]
        for folder in (*self.folders, *self.packages):
            for layout in self.layouts:
                for path in (folder / layout / name for name in names):
                    if path.is_file():
                        yield path, self.is_shared and not layout

    def _download(self, file, parse):
        folder = self.folders[0] / self.download_to
        if isinstance(file, Archive):
            return _read(download_archive(file, folder), file, parse)
        return download(file, folder)

    def _missing_message(self, files):
        form = "as published" if isinstance(files[0], Archive) else "decompressed or .gz"
        below = " and ".join(layout for layout in self.layouts if layout)
        return (
            "Data not found and `download_if_missing` is False. Missing: "
            f"{', '.join(file.name for file in files)} of {files[0].data_set} ({form}). Looked in: "
            f"{', '.join(map(str, (*self.folders, *self.packages)))}, and in {below} in each. Call "
            f"with download_if_missing=True, or {PACKAGES.get(files[0].data_set, '')}name the "
            "folder that has the files as data_home or in the environment variable SKFASHION_DATA."
        )


def copies_of(name, data_home, download_if_missing, *, raw=(), is_shared=False):
    """Return the places of a data set that has a subfolder of its own in each folder.

    Parameters
    ----------
    name : str
        Of that subfolder, which a download goes to.
    data_home : str, path-like or None
        A folder to look in first.
    download_if_missing : bool
        Whether a file that is found nowhere is downloaded.
    raw : tuple of str, default=()
        The subfolder in which torchvision keeps the same files, if it does.
    is_shared : bool, default=False
        See :class:`Copies`.
    """
    layouts = (name, *raw, "")
    return Copies(own_folders(data_home), layouts, download_if_missing, name, is_shared)


def _read(path, file, parse):
    if isinstance(file, Archive):
        return read_archive(path, file, parse)
    return decode(path.read_bytes(), file, str(path))


def _owner(path):
    """Return the name of the data set that a file belongs to, "" if it is none that is known."""
    blob = path.read_bytes()
    digest = hashlib.sha256(blob).hexdigest()
    known = {file.sha256: file.data_set for file in KMNIST_FILES.values()}
    return known.get(digest, "") or identify(blob)
